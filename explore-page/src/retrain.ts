// Training again with the answers, and what it changed.
import { arrow, json, post } from "./api";
import { byId, el } from "./dom";

interface Training { state: "never" | "running" | "done" | "failed" | "stopped"; share: number; line: string; took: string; sentences: string[]; changed: number | null; compared: string }

export class Retrain {
  private told: Training | null = null;
  private waiting = 0;

  // `trained` is called when a training that this page saw running is done.
  constructor(private guarded: (what: () => Promise<void>) => Promise<void>, private trained: () => Promise<void>, private select: (rows: ArrayLike<number>, said: string) => Promise<void>) {}

  // The part of the list of queues that tells of the training.
  part(answers: number, refused: string): HTMLElement {
    const part = el("section", { id: "retrain" });
    part.dataset["answers"] = String(answers);
    part.dataset["refused"] = refused ? "yes" : "";
    void this.guarded(() => this.look());
    return part;
  }

  private async look(): Promise<void> {
    await this.shown(await json<Training>("training"));
  }

  private async ask(path: string, frozen = ""): Promise<void> {
    await this.shown((await (await post(path, { frozen }, new Blob([" "]))).json()) as Training);
  }

  // What else the page tells of stays, unless this is refused.
  private again(): void {
    this.look().catch((error: unknown) => void this.guarded(() => Promise.reject(error)));
  }

  // Show how far the training is, and look again while it runs.
  private async shown(told: Training): Promise<void> {
    clearTimeout(this.waiting);
    const before = this.told?.state;
    this.told = told;
    if (told.state === "running") this.waiting = window.setTimeout(() => this.again(), 1000);
    this.draw();
    if (before === "running" && told.state === "done") await this.trained();
  }

  private draw(): void {
    const [part, told] = [document.getElementById("retrain"), this.told!];
    const running = told.state === "running";
    byId("training").textContent = running ? `training ${Math.round(100 * told.share)} %` : "";
    if (!part) return;
    const press = (text: string, says: string, act: () => Promise<void>) => el("button", { type: "button", title: says, click: () => void this.guarded(act) }, text);
    const none = part.dataset["answers"] === "0" || !!part.dataset["refused"];
    const start = [press("head only", "Quick: the encoders stay as they are", () => this.ask("train", "yes")), press("everything", "Head and encoders", () => this.ask("train"))];
    const bar = el("progress", { max: 1, value: told.share, "aria-label": "Progress of the training" });
    const said = { never: "", running: told.line, done: told.sentences.join(" "), failed: `The training ended early: ${told.line}`, stopped: `Stopped after ${told.took}; the classes are as they were, and the same training goes on from its last epoch.` }[told.state];
    const changed = told.changed === null ? null : el("div", { class: "controls" }, `${told.changed.toLocaleString("en")} objects have another class than by ${told.compared}.`,
      told.changed > 0 && press("show them", "Select the objects whose class changed", () => this.changed()));
    part.dataset["state"] = told.state;
    part.replaceChildren(
      el("h3", {}, "Train again with the answers"),
      el("div", { class: "controls" }, ...(running ? [bar, el("span", {}, told.took), press("stop", "End the training", () => this.ask("train/stop"))] : none ? [el("small", {}, "There is nothing to train with yet.")] : start)),
      el("small", { role: "status" }, said), ...(changed ? [changed] : []));
  }

  private async changed(): Promise<void> {
    const { values } = await arrow("changed", {});
    await this.select(values["row"]!, "another class after the training with answers");
  }
}
