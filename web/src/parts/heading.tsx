/** A screen's heading that may come late: it takes the focus if nobody else has it, so that reading aloud goes on from here. */
import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

export function Heading({
  children,
  at,
}: {
  children: ComponentChildren;
  at?: RefObject<HTMLHeadingElement | null>;
}) {
  const own = useRef<HTMLHeadingElement>(null);
  const heading = at ?? own;
  useEffect(() => {
    const focused = document.activeElement;
    if (!focused || focused === document.body || focused.id === "main")
      heading.current?.focus({ preventScroll: true });
  }, [heading]);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  );
}
