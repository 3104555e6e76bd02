/** Starts the page: the language first, then who is signed in, then the screen that the address means. */
import { render } from "preact";
import { App } from "./app";
import { navigate } from "./navigation";
import { start } from "./start";
import { speak, wanted } from "./words";

const root = document.getElementById("page");
if (root) {
  await speak(wanted());
  navigate();
  render(<App />, root);
  void start();
}
