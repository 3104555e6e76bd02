/** The top of every screen: where one is, and the few places to go. */
import { place } from "../navigation";
import { expected, me, node, signOut } from "../session";
import { country, t, type Word } from "../words";

const LINKS: Record<string, readonly (readonly [path: string, word: Word])[]> = {
  patient: [
    ["/", "frame.home"],
    ["/find", "frame.find"],
    ["/record", "frame.record"],
  ],
  doctor: [["/calendar", "frame.calendar"]],
  administrator: [["/admin", "frame.admin"]],
};

function Link({ path, word }: { path: string; word: Word }) {
  const here = place.value.path.split("?")[0] === path;
  return (
    <a href={path} aria-current={here ? "page" : undefined}>
      {t(word)}
    </a>
  );
}

export function Header() {
  const known = me.value;
  const links = (known && LINKS[known.role]) || [];
  return (
    <header class={known || (known === undefined && expected) ? "top full" : "top"}>
      <a class="brand" href="/">
        <span>Telemed</span>
        {node.value && <small>{country(node.value.jurisdiction)}</small>}
      </a>
      {known && (
        <div class="me">
          <Link path="/sessions" word="frame.account" />
          <button type="button" onClick={() => void signOut()}>
            {t("frame.sign-out")}
          </button>
        </div>
      )}
      {links.length > 0 && (
        <nav aria-label={t("frame.nav")}>
          {links.map(([path, word]) => (
            <Link key={path} path={path} word={word} />
          ))}
        </nav>
      )}
    </header>
  );
}
