/** The top of every screen: where one is, and the few places to go. */
import { place } from "../navigation";
import { me, node, signOut } from "../session";
import { country, t, type Word } from "../words";

const LINKS: Record<string, readonly (readonly [path: string, word: Word])[]> = {
  patient: [
    ["/", "frame.home"],
    ["/find", "frame.find"],
    ["/record", "frame.record"],
    ["/sessions", "frame.account"],
  ],
  doctor: [
    ["/calendar", "frame.calendar"],
    ["/sessions", "frame.account"],
  ],
  administrator: [
    ["/admin", "frame.admin"],
    ["/sessions", "frame.account"],
  ],
};

export function Header() {
  const known = me.value;
  const links = (known && LINKS[known.role]) || [];
  return (
    <header class="top">
      <a class="brand" href="/">
        <span>Telemed</span>
        {node.value && <small>{country(node.value.jurisdiction)}</small>}
      </a>
      {known && (
        <button type="button" class="quiet" onClick={() => void signOut()}>
          {t("frame.sign-out")}
        </button>
      )}
      {links.length > 0 && (
        <nav aria-label={t("frame.nav")}>
          {links.map(([path, word]) => (
            <a
              key={path}
              href={path}
              aria-current={place.value.path.split("?")[0] === path ? "page" : undefined}
            >
              {t(word)}
            </a>
          ))}
        </nav>
      )}
    </header>
  );
}
