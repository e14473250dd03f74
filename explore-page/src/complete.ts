// Completion of what is typed to select by: the last word of a condition by names of columns, or a
// class as a whole.
import { el } from "./dom";

const MOST = 12;
const PLAIN = /^(?!(?:and|or|not|in|is|null|true|false)$)[a-z_][a-z0-9_]*$/i;
// what stands before the last word, and the word: plain, or after a backquote that is not closed
const LAST = /^((?:[^`]*`[^`]*`)*[^`]*?)(`[^`]*|[a-z_][a-z0-9_]*)?$/is;

// Texts that complete one. `names` are of columns, or with `whole` the texts themselves.
export function completions(text: string, names: string[], whole: boolean): string[] {
  const [, before = "", word = ""] = whole ? ["", "", text] : (LAST.exec(text) ?? []);
  const begun = (whole ? word : word.replace("`", "")).toLowerCase();
  if (!word) return [];
  const near = names.filter((name) => name.toLowerCase().startsWith(begun) && name !== word).slice(0, MOST);
  return near.filter((name) => whole || !name.includes("`")).map((name) => before + (whole || PLAIN.test(name) ? name : `\`${name}\``));
}

export function completed(box: HTMLInputElement, list: HTMLDataListElement, known: () => { names: string[]; whole: boolean }): void {
  box.addEventListener("input", () => {
    const { names, whole } = known();
    list.replaceChildren(...completions(box.value, names, whole).map((value) => el("option", { value })));
  });
}
