// What is wrong with how a page stands on its screen: a list of sentences, empty when nothing is.
(opened) => {
  const found = new Set();
  const all = [...document.body.querySelectorAll("*")];
  const short = (text) => (text || "").trim().replace(/\s+/g, " ").slice(0, 50);
  const name = (one) => one.localName + (one.id ? "#" + one.id : "") + [...one.classList].map((word) => "." + word).join("");
  const unseen = (one) => one.closest(".visually-hidden, .skip, [hidden], svg, option, progress, iframe, noscript") ||
    !one.checkVisibility({ visibilityProperty: true, opacityProperty: true, contentVisibilityAuto: true });
  const root = document.documentElement;

  // 1. Nothing scrolls sideways.
  if (root.scrollWidth > innerWidth) {
    const widest = all.filter((one) => !unseen(one)).sort((a, b) => b.getBoundingClientRect().right - a.getBoundingClientRect().right)[0];
    found.add(`scrolls sideways (${root.scrollWidth} px): ${name(widest)} "${short(widest.textContent)}"`);
  }
  const texts = [];
  for (const one of all) {
    if (unseen(one) || one.closest("table.table:not(.keep) > thead") && innerWidth < 1024) continue;
    const style = getComputedStyle(one);
    // 2. Nothing is cut without a way to read it; two-line extracts are meant to be.
    const cut = style.overflowX !== "visible" && one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0;
    if (cut && !one.title && !["INPUT", "TEXTAREA", "SELECT"].includes(one.tagName)) {
      found.add(`cut or scrolling: ${name(one)} "${short(one.textContent)}"`);
    }
    // 3. Hints in empty fields are readable.
    if (one.placeholder && !one.value) {
      const pen = document.createElement("canvas").getContext("2d");
      pen.font = style.font;
      const room = one.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
      if (pen.measureText(one.placeholder).width > room + 1) found.add(`placeholder cut: ${name(one)} "${one.placeholder}"`);
    }
    for (const node of one.childNodes) {
      if (node.nodeType !== 3 || !node.textContent.trim()) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const bottom = one.closest(".clip")?.getBoundingClientRect().bottom ?? Infinity;
      for (const line of range.getClientRects()) {
        if (line.width > 1 && line.top < bottom - 4) texts.push({ one, line, text: short(node.textContent) });
      }
    }
  }
  // 4. Words stay inside the box they stand in.
  const boxes = new Map();
  const boxOf = (one) => {
    if (!one || one === document.body) return null;
    if (!boxes.has(one)) {
      const style = getComputedStyle(one);
      const drawn = style.display !== "inline" && !one.matches("tr, thead, tbody, table") &&
        (parseFloat(style.borderLeftWidth) + parseFloat(style.borderRightWidth) > 0 || style.backgroundColor !== "rgba(0, 0, 0, 0)" ||
          one.matches("td, th"));
      boxes.set(one, drawn ? one : boxOf(one.parentElement));
    }
    return boxes.get(one);
  };
  for (const { one, line, text } of texts) {
    const box = boxOf(one)?.getBoundingClientRect();
    if (box && (line.right > box.right + 1 || line.left < box.left - 1)) found.add(`sticks out of ${name(boxOf(one))}: "${text}"`);
  }
  if (opened) return [...found];

  // 5. Boxes stay inside the boxes around them.
  for (const one of all) {
    if (unseen(one) || !one.matches(".badge, .btn, input, select, textarea, img, .chips a, table, .card, .panel")) continue;
    const box = one.getBoundingClientRect();
    const around = boxOf(one.parentElement)?.getBoundingClientRect();
    if (around && box.width && (box.right > around.right + 1 || box.left < around.left - 1)) {
      found.add(`sticks out of ${name(boxOf(one.parentElement))}: ${name(one)} "${short(one.textContent)}"`);
    }
  }
  // 6. Words do not stand on each other.
  const flat = texts.filter(({ one }) => !one.closest(".stick, .top, .beside, select, textarea, input"));
  flat.sort((a, b) => a.line.top - b.line.top);
  for (let i = 0; i < flat.length; i++) {
    for (let j = i + 1; j < flat.length && flat[j].line.top < flat[i].line.bottom - 4; j++) {
      const a = flat[i], b = flat[j];
      if (a.one.contains(b.one) || b.one.contains(a.one)) continue;
      const across = Math.min(a.line.right, b.line.right) - Math.max(a.line.left, b.line.left);
      const down = Math.min(a.line.bottom, b.line.bottom) - Math.max(a.line.top, b.line.top);
      if (across > 2 && down > 4) found.add(`words on words: "${a.text}" and "${b.text}"`);
    }
  }
  // 7. No word of a button, badge or heading is broken, nor any word into crumbs by a column that is too narrow.
  for (const one of all) {
    if (unseen(one) || !one.matches("td, th, dd, h1, h2, .btn, .badge, .tabs a")) continue;
    const narrow = one.clientWidth < 60 && /[^\s]{9}/.test(one.textContent) && one.clientHeight > 70;
    const lines = new Set(texts.filter((text) => text.one === one).map(({ line }) => Math.round(line.top / 8))).size;
    const words = (one.textContent || "").trim().split(/[\s\u002d\u2011]+/);
    const broken = one.matches(".btn, .badge, .tabs a") && lines > words.length;
    if (one.clientWidth && (narrow || broken)) found.add(`crumbs: ${name(one)} "${short(one.textContent)}"`);
  }
  return [...found];
}
