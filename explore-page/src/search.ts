// The box in which an object is looked for by its name.
import { json } from "./api";
import { byId, el } from "./dom";

export function searchBox(open: (id: string) => void, fail: (error: unknown) => void): void {
  const [form, box, list] = [byId<HTMLFormElement>("search"), byId<HTMLInputElement>("query"), byId("found")];
  let [at, asking] = [-1, new AbortController()];
  const options = () => Array.from(list.querySelectorAll<HTMLElement>("[role=option]"));
  const close = () => {
    asking.abort(); // what is found later opens no list any more
    list.hidden = true;
    at = -1;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  };
  const take = (id: string) => {
    close();
    box.value = "";
    box.blur();
    open(id);
  };
  const mark = (to: number) => {
    const every = options();
    if (!every.length) return;
    at = (to + every.length) % every.length;
    every.forEach((option, i) => option.setAttribute("aria-selected", String(i === at)));
    box.setAttribute("aria-activedescendant", every[at]!.id);
  };
  box.addEventListener("input", async () => {
    asking.abort(); // the list stays until there is another
    asking = new AbortController();
    const { signal } = asking;
    const text = box.value.trim();
    if (!text) return close();
    try {
      const { names, hint } = await json<{ names: string[]; hint: string }>("find", { text }, signal);
      const chosen = options()[at]?.dataset["id"]; // by an arrow, among the names of an earlier text
      at = -1;
      list.replaceChildren(...names.map((name, i) => el("li", { role: "option", id: `found-${i}`, "data-id": name, "aria-selected": "false", mousedown: () => take(name) }, name)));
      if (!names.length) list.append(el("li", { class: "hint" }, `No object of that name: ${hint}`));
      list.hidden = false;
      box.setAttribute("aria-expanded", "true");
      if (chosen !== undefined && names.includes(chosen)) mark(names.indexOf(chosen));
    } catch (error) {
      if (!signal.aborted) fail(error); // else a newer question took its place
    }
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") mark(at + 1);
    else if (event.key === "ArrowUp") mark(at - 1);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
  box.addEventListener("blur", () => setTimeout(close, 100));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = options()[at];
    const id = chosen?.dataset["id"] ?? box.value.trim();
    if (id) take(id);
  });
}
