/** One question of a form: its label, a hint, the control, and what is wrong with the answer beside it. */
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface Question {
  label: string;
  hint?: string | undefined;
  wrong?: string | undefined;
}
interface Wired {
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": boolean | undefined;
}

function Field({
  label,
  hint,
  wrong,
  children,
}: Question & { children: (wired: Wired) => ComponentChildren }) {
  const id = useId();
  const described = [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label htmlFor={id}>{label}</label>
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {wrong && (
        <p class="wrong" id={`${id}-wrong`}>
          {wrong}
        </p>
      )}
      {children({
        id,
        "aria-describedby": described || undefined,
        "aria-invalid": wrong ? true : undefined,
      })}
    </div>
  );
}

type Changed = { value: string; onValue: (value: string) => void };

/** What else a text may need of HTML. */
interface AreaRest {
  /** `off` keeps what was typed out of the browser's own memory of forms. */
  autocomplete?: "off";
  required?: boolean;
  disabled?: boolean;
  maxLength?: number;
  rows?: number;
}
interface InputRest {
  type?: "text" | "password" | "date" | "time";
  autocomplete?: string;
  required?: boolean;
  minLength?: number;
  maxLength?: number;
}

export function TextField({ label, hint, wrong, onValue, ...rest }: Question & Changed & InputRest) {
  return (
    <Field label={label} hint={hint} wrong={wrong}>
      {(wired) => (
        <input {...(rest as object)} {...wired} onInput={(event) => onValue(event.currentTarget.value)} />
      )}
    </Field>
  );
}

export function TextArea({ label, hint, wrong, onValue, ...rest }: Question & Changed & AreaRest) {
  return (
    <Field label={label} hint={hint} wrong={wrong}>
      {(wired) => (
        <textarea
          // What is written here is about somebody's health: the browser is not to keep it for a later visit.
          autocomplete="off"
          {...rest}
          {...wired}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

export type Option = readonly [value: string, label: string];

export function Choice({
  label,
  hint,
  wrong,
  value,
  onValue,
  options,
}: Question & Changed & { options: readonly Option[] }) {
  return (
    <Field label={label} hint={hint} wrong={wrong}>
      {(wired) => (
        <select {...wired} value={value} onChange={(event) => onValue(event.currentTarget.value)}>
          {options.map(([code, name]) => (
            <option key={code} value={code}>
              {name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** One of a few answers, all of them in sight. */
export function OneOf({
  label,
  value,
  onValue,
  options,
}: Question & Changed & { options: readonly Option[] }) {
  const name = useId();
  return (
    <fieldset>
      <legend>{label}</legend>
      {options.map(([code, words]) => (
        <label class="tick" key={code}>
          <input type="radio" name={name} checked={code === value} onChange={() => onValue(code)} />
          <span>{words}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** A tick that may be set or not. */
export function Tick({
  label,
  checked,
  onChange,
}: {
  label: string;
  checked: boolean;
  onChange: (on: boolean) => void;
}) {
  return (
    <label class="tick">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>{label}</span>
    </label>
  );
}
