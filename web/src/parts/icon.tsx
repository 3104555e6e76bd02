/** Small drawings above a control's word; the word carries the meaning, so they are hidden from screen readers. */
const DRAWN = {
  microphone: "M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM5 11a7 7 0 0 0 14 0M12 18v3",
  camera: "M3 7h12v10H3zM15 11l6-4v10l-6-4",
  screen: "M3 5h18v12H3zM8 21h8M12 14V8M9 11l3-3 3 3",
  chat: "M4 4h16v12H9l-5 4z",
  leave: "M3 14c5-5 13-5 18 0l-3 3-4-2v-3a9 9 0 0 0-4 0v3l-4 2z",
};

export function Icon({ name, off }: { name: keyof typeof DRAWN; off: boolean }) {
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true" class="icon">
      <path d={DRAWN[name] + (off ? "M3 3l18 18" : "")} />
    </svg>
  );
}
