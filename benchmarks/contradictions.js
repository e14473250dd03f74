// What is blank, stuck, or contradicts itself on the explorer's page, once it waits for nothing.
() => {
  const found = [];
  const side = document.getElementById("side");
  const legend = document.getElementById("legend");
  const { id, selected, file } = side.dataset;
  const at = new URLSearchParams(location.hash.slice(1));
  if (window.hacked !== undefined) found.push(`a script of a name ran: ${window.hacked}`);
  if (!document.body.innerText.trim() || !side.innerText.trim()) found.push("the page is blank");

  for (const one of document.querySelectorAll("[role=status], #samp")) {
    if (/…$/.test(one.textContent) && one.getClientRects().length) {
      found.push(`it waits for nothing: ${one.textContent.slice(0, 80)}`);
    }
  }

  if (id !== undefined && at.get("id") !== id) {
    found.push(`the address tells ${location.hash}, beside the map is ${id}`);
  }
  const folded = document.getElementById("folded")?.dataset.period;
  if (id !== undefined && folded && at.get("period") && Number(at.get("period")) !== Number(folded)) {
    found.push(`the address tells the period ${at.get("period")}, the curve is folded at ${folded}`);
  }
  const box = side.querySelector("[aria-label='Period in days']");
  if (folded && box && document.activeElement !== box && !(Math.abs(box.value / folded - 1) < 1e-7)) {
    found.push(`the period ${box.value} stands above a curve that is folded at ${folded}`);
  }
  const heading = side.querySelector("h2")?.textContent ?? "";
  if (selected !== undefined && !heading.startsWith(Number(selected).toLocaleString("en"))) {
    found.push(`${selected} are selected, not ${heading}`);
  }
  if ([id, selected, file].filter((mark) => mark !== undefined).length > 1) {
    found.push("two things stand beside the map");
  }

  const colour = document.querySelector("[aria-label=colour]");
  if (colour && legend.querySelector(".bar") && !legend.textContent.startsWith(colour.value)) {
    found.push(`the colour is ${colour.value}, the legend tells ${legend.textContent.slice(0, 30)}`);
  }
  if (colour && at.get("colour") && at.get("colour") !== colour.value) {
    found.push(`the address tells the colour ${at.get("colour")}, the list ${colour.value}`);
  }
  return found;
}
