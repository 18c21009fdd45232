// The control page: every button is one call below /_control/.
const $ = (id) => document.getElementById(id);
const said = $("said");

function say(text, failed = false) {
  said.textContent = text;
  said.classList.toggle("failed", failed);
}

function cell(content) {
  const made = document.createElement("td");
  made.append(...[].concat(content));
  return made;
}

function button(text, press) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "quiet";
  made.textContent = text;
  made.addEventListener("click", press);
  return made;
}

async function call(method, path, body) {
  const join = path.includes("?") ? "&" : "?";
  const answer = await fetch(`/_control/${path}${join}mall=${encodeURIComponent($("mall").value)}`, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const json = await answer.json();
  if (!answer.ok) throw new Error(json.error?.message ?? `HTTP ${answer.status}`);
  return json;
}

async function attempt(work, done) {
  try {
    await work();
    if (done) say(done);
  } catch (failure) {
    say(`하지 못했어요: ${failure.message}`, true);
  }
}

function rows(id, made) {
  $(id).replaceChildren(...made);
}

async function drawOrders() {
  const query = new URLSearchParams({ find: $("find").value, limit: "30" });
  const { orders } = await call("GET", `orders?${query}`);
  rows(
    "orders",
    orders.map((order) => {
      const line = document.createElement("tr");
      const step = (name, text, done) =>
        button(text, () =>
          attempt(async () => {
            await call("POST", `orders/${order.order_id}/${name}`, {});
            await drawOrders();
          }, `${order.order_id} ${done}`),
        );
      line.append(
        cell(order.order_id),
        cell(`${order.buyer} ${order.phone}`),
        cell(order.items.map((i) => `${i.name} ${i.option}`.trim()).join(", ")),
        cell(order.items.map((i) => i.status_text).join(", ")),
        cell([
          step("advance", "다음 단계", "주문을 다음 단계로 옮겼어요."),
          step("ship", "발송", "주문을 발송했어요."),
          step("deliver", "배송 완료", "주문이 도착했어요."),
          step("cancel", "취소", "주문을 취소했어요."),
        ]),
      );
      return line;
    }),
  );
}

async function drawCast() {
  const { shoppers } = await call("GET", "cast");
  rows(
    "shoppers",
    shoppers.map((shopper) => {
      const line = document.createElement("tr");
      line.append(
        cell(shopper.name),
        cell(shopper.phone),
        cell(shopper.member_id || "비회원"),
        cell(
          button(`주문 ${Object.keys(shopper.orders).length}건 보기`, () => {
            $("find").value = shopper.phone;
            attempt(drawOrders, `${shopper.name} 님의 주문이에요.`);
          }),
        ),
      );
      return line;
    }),
  );
}

async function drawFaults() {
  const { faults } = await call("GET", "faults");
  rows(
    "faults",
    faults.map((fault) => {
      const line = document.createElement("tr");
      line.append(
        cell(document.querySelector(`select[name=kind] option[value="${fault.kind}"]`)?.textContent ?? fault.kind),
        cell(`${fault.match.method ?? "모두"} ${fault.match.path}`),
        cell(fault.count === null ? "계속" : `${fault.count}번 남음`),
        cell(`${fault.hits}번 일어남`),
        cell(
          button("지우기", () =>
            attempt(async () => {
              await call("DELETE", `faults?id=${fault.id}`);
              await drawFaults();
            }, "지웠어요."),
          ),
        ),
      );
      return line;
    }),
  );
}

async function drawCalls() {
  const { total, recent } = await call("GET", "calls");
  $("total").textContent = `모두 ${total}번 불렀어요.`;
  rows(
    "calls",
    recent.slice(0, 15).map((seen) => {
      const line = document.createElement("tr");
      line.append(cell(seen.at.slice(11, 19)), cell(seen.method), cell(seen.path), cell(String(seen.status || "끊김")));
      return line;
    }),
  );
}

async function drawClock() {
  const { now, frozen } = await call("POST", "clock", {});
  $("clock").textContent = `지금 ${now.slice(0, 19).replace("T", " ")}${frozen ? " (멈춤)" : ""}`;
}

function onSubmit(id, work) {
  $(id).addEventListener("submit", (event) => {
    event.preventDefault();
    work(new FormData(event.target));
  });
}

onSubmit("order-search", () => attempt(drawOrders));
onSubmit("stock", (form) =>
  attempt(async () => {
    const { product } = await call("POST", `products/${form.get("product_no")}/stock`, {
      quantity: Number(form.get("quantity")),
      ...(form.get("variant_code") ? { variant_code: form.get("variant_code") } : {}),
    });
    say(`${product.product_name}: ${product.sold_out === "T" ? "품절" : "판매 중"}이에요.`);
  }),
);
onSubmit("fault", (form) =>
  attempt(async () => {
    const rule = { kind: form.get("kind"), match: { path: form.get("path") || ".*" } };
    if (form.get("method")) rule.match.method = form.get("method");
    for (const name of ["status", "ms", "count"]) if (form.get(name)) rule[name] = Number(form.get(name));
    if (form.get("code")) rule.code = form.get("code");
    await call("POST", "faults", rule);
    await drawFaults();
  }, "장애를 걸었어요."),
);
$("clear-faults").addEventListener("click", () =>
  attempt(async () => {
    await call("DELETE", "faults");
    await drawFaults();
  }, "모두 지웠어요."),
);
onSubmit("time", (form) =>
  attempt(async () => {
    await call("POST", "clock", { advance_seconds: Number(form.get("hours")) * 3600 });
    await drawClock();
  }, "시계를 옮겼어요."),
);
const presses = {
  freeze: ["clock", { freeze: true }, "시계를 멈췄어요."],
  thaw: ["clock", { freeze: false }, "시계가 다시 가요."],
  expire: ["tokens", { expire: true }, "접근 토큰을 만료시켰어요."],
  burn: ["tokens", { burn: true }, "갱신 토큰을 못 쓰게 했어요."],
  "open-bucket": ["bucket", { open: true }, "호출 제한을 껐어요."],
  "close-bucket": ["bucket", { open: false }, "호출 제한을 켰어요."],
  "fill-bucket": ["bucket", { open: false, level: 40 }, "호출 한도를 다 채웠어요."],
};
for (const [id, [path, body, done]] of Object.entries(presses)) {
  $(id).addEventListener("click", () =>
    attempt(async () => {
      await call("POST", path, body);
      await drawClock();
    }, done),
  );
}
$("reset").addEventListener("click", () =>
  attempt(async () => {
    await call("POST", "reset", { keep_tokens: true });
    await refresh();
  }, "처음 상태로 돌렸어요."),
);
$("mall").addEventListener("change", () => attempt(refresh));

async function refresh() {
  await Promise.all([drawOrders(), drawCast(), drawFaults(), drawCalls(), drawClock()]);
}
attempt(refresh);
setInterval(() => document.hidden || drawCalls().then(drawClock).catch(() => {}), 3000);
