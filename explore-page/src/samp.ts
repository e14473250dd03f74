// What TOPCAT, Aladin and others on this machine send by SAMP: objects to select or to open.
import { arrow, json, post } from "./api";
import { byId, el } from "./dom";

interface One { number: number; kind: "rows" | "object" | "said"; said: string; id: string; n: number }
interface Heard { listening: boolean; last: number; heard: One[] }
interface Hooks {
  open: (id: string) => Promise<void>;
  take: (rows: ArrayLike<number>, said: string) => Promise<void>;
  guarded: (what: () => Promise<void>) => Promise<void>;
}

// Time between two questions whether something was sent, and how long it is told [ms]; most
// messages that are told at once.
const [EVERY, TOLD, MOST] = [1000, 20_000, 3];

export class Samp {
  readonly button: HTMLButtonElement;
  private listening = false;
  private last = 0;
  private waiting = 0;
  private telling = 0;

  constructor(private hooks: Hooks) {
    this.button = el("button", { type: "button", id: "listen", "aria-pressed": "false", title: "Listen to TOPCAT, Aladin and others on this machine (SAMP): what they send or choose is selected here", click: () => void hooks.guarded(() => this.turn()) }, "SAMP");
  }

  // Go on where a page before this one had begun to listen.
  async start(): Promise<void> {
    const { listening, last } = await json<Heard>("samp/heard", { after: 0 });
    this.last = last;
    this.shown(listening);
  }

  private async turn(): Promise<void> {
    this.button.disabled = true;
    try {
      const { last } = (await (await post(this.listening ? "samp/stop" : "samp/listen", {}, new Blob([" "]))).json()) as { last: number };
      this.last = last;
      this.shown(!this.listening);
      this.tell(this.listening ? "Listening: send a table, choose its rows, or point at a place in TOPCAT or Aladin." : "");
    } finally {
      this.button.disabled = false;
    }
  }

  private shown(listening: boolean): void {
    clearTimeout(this.waiting);
    this.listening = listening;
    this.button.setAttribute("aria-pressed", String(listening));
    if (listening) this.waiting = window.setTimeout(() => void this.look(), EVERY);
  }

  // Ask whether something was sent. What else the page tells of stays until something was.
  private async look(): Promise<void> {
    let answer: Heard;
    try {
      answer = await json<Heard>("samp/heard", { after: this.last });
    } catch (error) {
      this.shown(false);
      return this.tell((error as Error).message);
    }
    this.last = answer.last;
    this.shown(answer.listening);
    // of several the newest is shown, and all are told: a place without an object hides no table
    if (answer.heard.length) this.tell(answer.heard.slice(-MOST).map(({ said }) => said).join(" "));
    const newest = answer.heard.filter(({ kind }) => kind !== "said").at(-1);
    if (newest?.kind === "object") await this.hooks.guarded(() => this.hooks.open(newest.id));
    if (newest?.kind === "rows") await this.hooks.guarded(async () => this.hooks.take((await arrow("samp/rows", { number: newest.number })).values["row"]!, newest.said));
  }

  private tell(said: string): void {
    clearTimeout(this.telling);
    const place = byId("heard");
    place.replaceChildren(el("span", {}, said));
    place.hidden = !said;
    this.telling = window.setTimeout(() => { place.hidden = true; }, TOLD);
  }
}
