/** The frame around every screen: header, the loaded screen, footer; and where focus goes when the screen changes. */
import { useSignal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { Footer } from "./frame/footer";
import { Header } from "./frame/header";
import { go, type Place, place, type Screen, to } from "./navigation";
import { Notice, Wait } from "./parts/notice";
import { me } from "./session";
import { silent } from "./start";
import { t } from "./words";

type Load = () => Promise<{ default: ComponentType<{ place: Place }> }>;

/** Each screen in a chunk of its own. */
const SCREENS: Record<Screen, Load> = {
  home: () => import("./screens/home"),
  "sign-up": () => import("./screens/sign-up"),
  "sign-in": () => import("./screens/sign-in"),
  find: () => import("./screens/find"),
  book: () => import("./screens/book"),
  appointment: () => import("./screens/appointment"),
  visit: () => import("./screens/visit"),
  calendar: () => import("./screens/calendar"),
  record: () => import("./screens/record"),
  sessions: () => import("./screens/sessions"),
  admin: () => import("./screens/admin"),
  help: () => import("./screens/help"),
  lost: () => import("./screens/lost"),
};

/** Screens that anybody may open; a visiting doctor has no session here, only the visit's cookie. */
const OPEN = new Set<Screen>(["home", "sign-up", "sign-in", "visit", "help", "lost"]);

interface Shown {
  place: Place;
  Screen: ComponentType<{ place: Place }>;
}

export function App() {
  const shown = useSignal<Shown | null>(null);
  const broken = useSignal(false);
  const here = place.value;
  const known = me.value;
  const barred = known === null && !OPEN.has(here.screen);

  useEffect(() => {
    if (barred) go(to("/sign-in", { next: here.path }), true);
  }, [barred, here]);

  useEffect(() => {
    let left = false;
    SCREENS[here.screen]().then(
      ({ default: Screen }) => {
        if (left) return;
        broken.value = false;
        shown.value = { place: here, Screen };
      },
      // A newer page has been installed on the node, or the line is down.
      () => {
        broken.value = !left;
      },
    );
    return () => {
      left = true;
    };
  }, [here, broken, shown]);

  useFocusOnArrival(shown.value?.place);

  const now = shown.value;
  const waiting = !now || barred || known === undefined;
  return (
    <>
      <a class="skip" href="#main">
        {t("frame.skip")}
      </a>
      <Header />
      <main id="main" tabIndex={-1}>
        {broken.value && <Notice kind="bad">{t("frame.broken")}</Notice>}
        {waiting && (silent.value ? <Notice kind="bad">{t("frame.silent")}</Notice> : <Wait />)}
        {!waiting && <now.Screen key={now.place.path} place={now.place} />}
      </main>
      <Footer />
    </>
  );
}

/** Moves focus to the new screen's heading, as a page load would, but not at the very first. */
function useFocusOnArrival(arrived: Place | undefined): void {
  const first = useSignal(true);
  useEffect(() => {
    if (!arrived) return;
    document.title = [document.querySelector("h1")?.textContent, "Telemed"].filter(Boolean).join(" · ");
    if (first.value) first.value = false;
    else (document.querySelector("h1") ?? document.getElementById("main"))?.focus({ preventScroll: true });
  }, [arrived, first]);
}
