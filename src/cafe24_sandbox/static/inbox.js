// Shows the newest message first and asks again every two seconds while the page is seen.
const list = document.getElementById("messages");
let shown = "";

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function draw(messages) {
  const key = messages.map((m) => m.messageId).join();
  if (key === shown) return;
  shown = key;
  document.querySelector(".empty")?.remove();
  list.replaceChildren(
    ...messages.map((m) => {
      const item = element("li");
      const head = element("p");
      head.append(element("strong", m.to), " ", element("time", new Date(m.at).toLocaleString("ko-KR"), { datetime: m.at }));
      item.append(head, element("pre", m.text));
      return item;
    }),
  );
  if (messages.length === 0) list.after(element("p", "아직 받은 문자가 없어요.", { class: "empty" }));
}

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch("/inbox", { headers: { Accept: "application/json" } });
      if (answer.ok) draw(await answer.json());
    } catch {
      // The sandbox is away for a moment; the next look finds it again.
    }
  }
  setTimeout(look, 2000);
}
look();
