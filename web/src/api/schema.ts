/** What the page reads and sends of the API; `npm run check` holds it against the node's own description. */

export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  code?: string;
  fields?: { pointer: string; message: string }[];
  next_slots?: Slot[];
  end_reason?: EndReason | null;
}

export type Role = "patient" | "doctor" | "administrator";
export interface Me {
  role: Role;
  name: string;
  language: string;
  zone: string;
  doctor_id?: string | null;
}
export interface NodeView {
  id: string;
  jurisdiction: string;
  name: string;
  origin: string;
  sample: boolean;
  specialties: string[];
  languages: string[];
  peers: { id: string; jurisdiction: string; origin: string }[];
  rules: { version: number | string; sample: boolean };
}
export interface Session {
  id: string;
  started_at: string;
  last_seen_at: string;
  current: boolean;
}
export interface LicenceName {
  jurisdiction: string;
  number: string;
  authority: string;
}
export interface Licence extends LicenceName {
  valid_from: string;
  valid_until: string;
}
export interface Hours {
  weekday: number;
  start: string;
  end: string;
}
export interface NewDoctor {
  name: string;
  contact: string;
  password: string;
  specialties: string[];
  languages: string[];
  zone: string;
  visit_minutes: number;
  licences: Licence[];
  hours: Hours[];
}
export interface OwnDoctor {
  id: string;
  name: string;
  specialties: string[];
  languages: string[];
  zone: string;
  licences: Licence[];
  hours: Hours[];
  visit_minutes: number;
}
export interface Clock {
  date: string;
  time: string;
  zone: string;
}
export interface Slot {
  starts_at: string;
  ends_at: string;
  hers: Clock;
  doctors: Clock;
}
export interface Rule {
  offered: boolean;
  kind: "direct-care" | "second-opinion" | "education" | "no" | "unknown";
  rule_id?: string | null;
  version?: number | string | null;
  source?: string | null;
  why?: string | null;
  sample?: boolean;
}
export interface DoctorCard {
  node: string;
  id: string;
  name: string;
  jurisdiction: string;
  specialties: string[];
  languages: string[];
  zone: string;
  visit_minutes: number;
  licences: Licence[];
}
export interface Found {
  zone: string;
  results: { doctor: DoctorCard; rule: Rule; slots: Slot[]; more: boolean }[];
  replicas: { node: string; pulled_at: string | null; stale: boolean }[];
}
export type Item = "name" | "reason" | "allergies" | "medicines";
export interface Intake {
  reason: string;
  allergies: string;
  medicines: string;
}
export interface NewAppointment {
  node: string;
  doctor_id: string;
  starts_at: string;
  language: string;
  specialty: string;
  intake: Intake;
  consent: { items: Item[]; until: string };
}
export type AppointmentState = "requested" | "held" | "confirmed" | "gone" | "unreachable" | "ended";
export type EndReason = "doctor-ended" | "timed-out" | "consent-withdrawn";
export interface Appointment {
  id: string;
  state: AppointmentState;
  detail: string | null;
  trying: boolean;
  hold_until: string | null;
  starts_at: string;
  ends_at: string;
  hers: Clock;
  doctors: Clock;
  doctor: { node: string; id: string; name: string; jurisdiction: string; licences: Licence[] };
  language: string;
  specialty: string;
  rule: Rule;
  consent: { items: Item[]; country: string; until: string; withdrawn_at: string | null };
  enter_from: string;
  closes_at: string;
  next_slots?: Slot[];
  ended_at: string | null;
  end_reason: EndReason | null;
}
export interface CalendarEntry {
  id: string;
  patient_node: string;
  /** null when the patient's node is trusted no more. */
  patient_jurisdiction: string | null;
  starts_at: string;
  ends_at: string;
  doctors: Clock;
  language: string;
  specialty: string;
  state: "held" | "confirmed" | "ended";
  join_from: string;
  join_until: string;
}
export interface Visit {
  id: string;
  you: "patient" | "doctor";
  state: "too-early" | "waiting-room" | "in-call" | "ended";
  starts_at: string;
  ends_at: string;
  enter_from: string;
  closes_at: string;
  now: string;
  patient: { name: string | null };
  doctor: { name: string; node: string; jurisdiction: string; licences: Licence[] };
  language: string;
  specialty: string;
  admitted: boolean;
  patient_waiting: boolean;
  doctor_arrived: boolean;
  ended_at: string | null;
  end_reason: EndReason | null;
  rule: Rule;
}
export interface Entrance {
  url: string;
  token: string;
  may_publish: boolean;
}
export interface Shared {
  items: Partial<Record<Item, string>>;
  until: string;
  country: string;
}
export interface Draft {
  text: string;
  revision: number;
  saved_at: string | null;
}
export interface Note {
  id: string;
  visit_id: string;
  revision: number;
  text: string;
  signed_at: string;
  author: { name: string; node: string; jurisdiction: string; licence: LicenceName };
}
export interface RecordedVisit {
  appointment: Pick<Appointment, "id" | "starts_at" | "doctor"> & Partial<Appointment>;
  notes: Note[];
  intake: Intake | null;
}
export interface RecordPage {
  visits: RecordedVisit[];
  more: boolean;
}
export interface Access {
  id: string;
  at: string;
  who: { kind: "doctor" | "you" | "node"; name: string | null; node: string | null };
  what: string;
  items?: string[];
  visit_id: string | null;
}
export interface Accesses {
  accesses: Access[];
  more: boolean;
}

/** One operation: what it answers, what it takes as a body, in the path, the query and the headers. */
type Op<View, Body = never, Path = never, Query = never, Header = never> = {
  parameters: ([Path] extends [never] ? object : { path: Path }) &
    ([Query] extends [never] ? object : { query: Query }) &
    ([Header] extends [never] ? object : { header: Header });
  responses: {
    200: { content: { "application/json": View } };
    default: { content: { "application/problem+json": Problem } };
  };
} & ([Body] extends [never] ? object : { requestBody: { content: { "application/json": Body } } });
type Id = { id: string };

export interface paths {
  "/node": { get: Op<NodeView> };
  "/accounts": {
    post: Op<object, { name: string; contact: string; password: string; language: string; zone: string }>;
  };
  "/session": { get: Op<Me>; post: Op<Me, { contact: string; password: string }>; delete: Op<undefined> };
  "/sessions": { get: Op<{ sessions: Session[] }>; delete: Op<undefined> };
  "/account": { patch: Op<Me, { language?: string; zone?: string }> };
  "/admin/doctors": { get: Op<{ doctors: OwnDoctor[] }>; post: Op<OwnDoctor, NewDoctor> };
  "/slots": {
    get: Op<Found, never, never, { specialty?: string; language?: string; from?: string; days?: number }>;
  };
  "/appointments": {
    get: Op<{ appointments: Appointment[] }>;
    post: Op<Appointment, NewAppointment, never, never, { "Idempotency-Key": string }>;
  };
  "/appointments/{id}": { get: Op<Appointment, never, Id> };
  "/appointments/{id}/consent/withdraw": { post: Op<Appointment, never, Id> };
  "/calendar": { get: Op<{ appointments: CalendarEntry[] }> };
  "/calendar/{id}/join": { post: Op<{ arrive_url: string; code: string }, never, Id> };
  "/visits/{id}": { get: Op<Visit, never, Id> };
  "/visits/{id}/enter": { post: Op<Entrance, never, Id> };
  "/visits/{id}/admit": { post: Op<Visit, never, Id> };
  "/visits/{id}/shared": { get: Op<Shared, never, Id> };
  "/visits/{id}/draft": {
    get: Op<Draft, never, Id>;
    put: Op<{ revision: number; saved_at: string }, { text: string; revision: number }, Id>;
    delete: Op<undefined, never, Id>;
  };
  "/visits/{id}/note": {
    post: Op<{ id: string; revision: number; signed_at: string }, { text: string; revision: number }, Id>;
  };
  "/visits/{id}/notes": { get: Op<{ notes: Note[] }, never, Id> };
  "/visits/{id}/end": { post: Op<Visit, never, Id> };
  "/record": { get: Op<RecordPage, never, never, { before?: string }> };
  "/record/accesses": { get: Op<Accesses, never, never, { before?: string }> };
}
