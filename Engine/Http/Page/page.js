"use strict";
// No library and no markup from texts: whatever a model writes becomes text nodes.
const $ = id => document.getElementById(id);
const make = (name, className, text) => {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};

// ---- settings -------------------------------------------------------------------------------------------------------
const kept = ["temperature", "top_p", "max_tokens", "seed", "system", "key"];
const storage = id => id === "key" ? sessionStorage : localStorage;
for (const id of kept) {
  const value = storage(id).getItem("lean." + id);
  if (value !== null) $(id).value = value;
  $(id).addEventListener("change", () => storage(id).setItem("lean." + id, $(id).value));
}
const headers = () => {
  const all = { "Content-Type": "application/json" };
  if ($("key").value) all.Authorization = "Bearer " + $("key").value;
  return all;
};

const themes = ["system", "light", "dark"];
function setTheme(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  $("theme").textContent = "Theme: " + theme;
  localStorage.setItem("lean.theme", theme);
}
setTheme(themes.includes(localStorage.getItem("lean.theme")) ? localStorage.getItem("lean.theme") : "system");
$("theme").addEventListener("click", () => setTheme(themes[(themes.indexOf(localStorage.getItem("lean.theme")) + 1) % themes.length]));

function showLive(visible) {
  $("live").hidden = !visible;
  $("live-toggle").setAttribute("aria-expanded", visible);
  localStorage.setItem("lean.live", visible ? "1" : "0");
}
showLive(localStorage.getItem("lean.live") !== "0");
$("live-toggle").addEventListener("click", () => showLive($("live").hidden));

// ---- chat -----------------------------------------------------------------------------------------------------------
let history = [];
let running = null;
const box = $("messages");
const atEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < 60;

function addMessage(kind, who, text) {
  $("empty").hidden = true;
  const article = make("article", kind);
  article.append(make("p", "who", who));
  const body = make("div", "body");
  article.append(body);
  render(body, text);
  box.append(article);
  box.scrollTop = box.scrollHeight;
  return { article, body };
}

// Fenced code in a block of its own; everything else as it stands.
function render(body, text) {
  body.replaceChildren();
  text.split(/^```[^\n]*\n?/m).forEach((part, i) => {
    if (i % 2) body.append(make("pre", "", part.replace(/\n$/, "")));
    else if (part.trim()) body.append(document.createTextNode(i ? part.replace(/^\s*\n/, "") : part.replace(/\n\s*$/, "\n")));
  });
}

function request() {
  const messages = $("system").value ? [{ role: "system", content: $("system").value }, ...history] : history;
  const body = { messages, stream: true, stream_options: { include_usage: true } };
  for (const id of ["temperature", "top_p", "max_tokens", "seed"]) {
    if ($(id).value !== "") body[id] = Number($(id).value);
  }
  if (!$("thinking").checked) body.chat_template_kwargs = { enable_thinking: false };
  return body;
}

async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const data = part.split("\n").filter(line => line.startsWith("data:")).map(line => line.slice(5).trimStart()).join("\n");
      if (data && data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

async function fault(response) {
  try { return (await response.json()).error.message; } catch { return `the server answered ${response.status}`; }
}

async function send(text) {
  history.push({ role: "user", content: text });
  addMessage("user", "You", text);
  const { article, body } = addMessage("assistant", "Lean", "");
  article.classList.add("busy");
  const abort = running = new AbortController();
  setBusy(true);
  const start = performance.now();
  let first = 0, answer = "", thought = "", usage = null, finish = "", folded = null;
  try {
    const response = await fetch("/v1/chat/completions", { method: "POST", headers: headers(), body: JSON.stringify(request()), signal: abort.signal });
    if (!response.ok) throw new Error(await fault(response));
    for await (const event of events(response)) {
      if (event.error) throw new Error(event.error.message);
      usage = event.usage ?? usage;
      const choice = event.choices?.[0];
      if (!choice) continue;
      finish = choice.finish_reason ?? finish;
      const delta = choice.delta ?? {};
      if (delta.content || delta.reasoning_content) first ||= performance.now();
      const follows = atEnd();
      if (delta.reasoning_content) {
        if (!folded) {
          folded = make("details");
          folded.append(make("summary", "", "Thinking…"), make("div"));
          article.insertBefore(folded, body);
        }
        thought += delta.reasoning_content;
        folded.lastChild.textContent = thought;
      }
      if (delta.content) {
        if (folded) folded.firstChild.textContent = "Thought";
        answer += delta.content;
        render(body, answer);
      }
      if (follows) box.scrollTop = box.scrollHeight;
    }
  } catch (error) {
    if (abort.signal.aborted) finish = "stopped";
    else addMessage("error", "Error", error.message);
  }
  article.classList.remove("busy");
  if (answer) history.push({ role: "assistant", content: answer });
  else if (finish !== "stop" && finish !== "length") history.pop();
  if (!answer && !thought) body.append(make("i", "", finish === "stopped" ? "stopped" : "no text"));
  const tokens = usage?.completion_tokens, seconds = (performance.now() - first) / 1000;
  const facts = [
    tokens && `${tokens} tokens`, first && `first after ${milliseconds((first - start) / 1000)}`,
    tokens > 1 && first && `${((tokens - 1) / seconds).toFixed(1)} tokens/s`, finish && finish !== "stop" && `ended: ${finish}`,
  ].filter(Boolean);
  if (facts.length) article.append(make("p", "facts", facts.join(" · ")));
  if (running === abort) { running = null; setBusy(false); }
}

function setBusy(busy) {
  $("send").hidden = busy;
  $("stop").hidden = !busy;
  if (!busy) $("text").focus();
}
const stop = () => running?.abort();

function fresh() {
  stop();
  history = [];
  box.querySelectorAll("article").forEach(a => a.remove());
  $("empty").hidden = false;
  $("text").focus();
}

const fit = () => { $("text").style.height = "auto"; $("text").style.height = $("text").scrollHeight + 2 + "px"; };
$("text").addEventListener("input", fit);
$("text").addEventListener("keydown", e => {
  if (e.key === "Enter" && !e.shiftKey && !e.isComposing) { e.preventDefault(); $("composer").requestSubmit(); }
});
$("composer").addEventListener("submit", e => {
  e.preventDefault();
  const text = $("text").value.trim();
  if (!text || running) return;
  $("text").value = "";
  fit();
  send(text);
});
$("stop").addEventListener("click", stop);
$("fresh").addEventListener("click", fresh);
document.addEventListener("keydown", e => {
  if (e.key === "Escape") stop();
  if (e.altKey && e.key.toLowerCase() === "n") { e.preventDefault(); fresh(); }
  if (e.altKey && e.key.toLowerCase() === "l") { e.preventDefault(); showLive($("live").hidden); }
});

// ---- live view ------------------------------------------------------------------------------------------------------
const period = 1000, samples = 120, window60 = 60;
const series = [];
const milliseconds = s => s >= 10 ? s.toFixed(0) + " s" : s >= 1 ? s.toFixed(2) + " s" : s >= 0.01 ? (s * 1000).toFixed(0) + " ms" : (s * 1000).toFixed(2) + " ms";
const percent = share => (share * 100).toFixed(share < 0.1 && share > 0 ? 1 : 0) + " %";

// Prometheus text: values by name, buckets of histograms by their bounds; series that differ only in labels are added up.
function parse(text) {
  const values = new Map(), buckets = new Map();
  for (const line of text.split("\n")) {
    const match = /^([\w:]+)(?:\{([^}]*)\})?\s+(\S+)/.exec(line);
    if (!match) continue;
    const name = match[1].replace(/^vllm:/, ""), value = Number(match[3]);
    const bound = /(?:^|,)le="([^"]+)"/.exec(match[2] ?? "");
    if (bound && name.endsWith("_bucket")) {
      const all = buckets.get(name.slice(0, -7)) ?? new Map();
      const at = bound[1] === "+Inf" ? Infinity : Number(bound[1]);
      all.set(at, (all.get(at) ?? 0) + value);
      buckets.set(name.slice(0, -7), all);
    } else {
      values.set(name, (values.get(name) ?? 0) + value);
    }
  }
  const get = name => values.get(name) ?? values.get(name + "_total") ?? 0;
  return { get, has: name => values.has(name), buckets };
}

// Where in the buckets that came since an earlier sample a share of the counts ends; within a bucket, evenly.
function quantile(name, share, now, then) {
  const bounds = [...(now.buckets.get(name) ?? new Map()).keys()].sort((a, b) => a - b);
  const count = b => now.buckets.get(name).get(b) - (then.buckets.get(name)?.get(b) ?? 0);
  if (!bounds.length || !count(bounds.at(-1))) return null;
  const rank = share * count(bounds.at(-1));
  let low = 0, below = 0;
  for (const bound of bounds) {
    const upTo = count(bound);
    if (upTo >= rank) return bound === Infinity ? low : low + (bound - low) * (rank - below) / Math.max(upTo - below, 1e-9);
    [low, below] = [bound, upTo];
  }
  return low;
}

function draw(id, lines) {
  const svg = $(id), width = svg.clientWidth || 278, height = 84, top = 14, space = "http://www.w3.org/2000/svg";
  const most = Math.max(1e-9, ...lines.flat());
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren();
  const add = (name, attributes, text) => {
    const e = document.createElementNS(space, name);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    if (text !== undefined) e.textContent = text;
    svg.append(e);
  };
  lines.forEach((line, index) => {
    const point = (v, i) => `${(width - (line.length - 1 - i) * width / (samples - 1)).toFixed(1)} ${(height - 3 - (height - top - 3) * v / most).toFixed(1)}`;
    const path = line.map((v, i) => (i ? "L" : "M") + point(v, i)).join("");
    if (!index && line.length > 1) add("path", { class: "area", d: `${path}L${width} ${height}L${point(0, 0).split(" ")[0]} ${height}Z` });
    add("path", { class: index ? "b" : "a", d: path });
  });
  add("text", { x: 4, y: 10 }, most < 1e-6 ? "0" : most >= 100 ? Math.round(most).toLocaleString("en") : most.toFixed(most < 10 ? 1 : 0));
}

function show() {
  const now = series.at(-1), minute = series[Math.max(0, series.length - 1 - window60)];
  const rates = name => series.map((s, i) => i ? Math.max(0, (s.get(name) - series[i - 1].get(name)) * 1000 / (s.time - series[i - 1].time)) : 0);
  const generated = rates("generation_tokens"), prompt = rates("prompt_tokens");
  draw("chart-rate", [generated, prompt]);
  draw("chart-batch", [series.map(s => s.get("num_requests_running")), series.map(s => s.get("num_requests_waiting"))]);
  $("rate").textContent = `${Math.round(generated.at(-1)).toLocaleString("en")} tokens/s`;
  $("batch").textContent = `${now.get("num_requests_running")} running, ${now.get("num_requests_waiting")} waiting`;
  $("kv").value = now.get("kv_cache_usage_perc");
  $("kv-text").textContent = percent(now.get("kv_cache_usage_perc"));
  const asked = now.get("prefix_cache_queries"), hit = now.get("prefix_cache_hits");
  $("prefix").value = asked ? hit / asked : 0;
  $("prefix-text").textContent = asked ? percent(hit / asked) : "–";
  const more = name => now.get(name) - (series.length > 1 ? minute.get(name) : 0);
  const drafted = more("spec_decode_num_draft_tokens"), passes = more("lean:target_passes"), right = more("spec_decode_num_accepted_tokens");
  $("drafts").hidden = !now.get("spec_decode_num_draft_tokens");
  $("right").value = drafted ? right / drafted : 0;
  $("right-text").textContent = drafted ? percent(right / drafted) : "–";
  $("per-pass").textContent = passes ? `${((passes + right) / passes).toFixed(2)} tokens a pass` : "–";
  for (const [id, name] of [["ttft", "time_to_first_token_seconds"], ["itl", "inter_token_latency_seconds"], ["e2e", "e2e_request_latency_seconds"]]) {
    for (const share of [50, 95]) {
      const value = quantile(name, share / 100, now, series.length > 1 ? minute : { buckets: new Map() });
      $(`${id}-${share}`).textContent = value === null ? "–" : milliseconds(value);
    }
  }
}

// A row per rank; a server on one device has none.
async function lookAtRanks() {
  $("ranks").hidden = !series.at(-1).has("lean:rank_up");
  if ($("ranks").hidden) return;
  const response = await fetch("/ranks");
  if (!response.ok) return;
  const { layout, transport, ranks } = await response.json();
  $("ranks-layout").textContent = `${layout}, ${transport}`;
  $("ranks-rows").replaceChildren(...ranks.map(rank => {
    const row = make("tr", rank.state === "up" ? "" : "ill"), head = make("th", "", `${rank.rank}${rank.state === "up" ? "" : " " + rank.state}`);
    head.scope = "row";
    row.title = rank.collective ? `TP ${rank.tp}, DP ${rank.dp}: ${rank.in_collective ? "in" : "after"} seq ${rank.seq} (${rank.collective}) of step ${rank.step} since ${milliseconds(rank.since_s)}` : `TP ${rank.tp}, DP ${rank.dp}`;
    row.append(head, make("td", "", rank.step ?? "–"), make("td", "", milliseconds(rank.latency_s)), make("td", "", milliseconds(rank.skew_s)));
    return row;
  }));
}

async function look() {
  try {
    const [health, metrics] = await Promise.all([fetch("/health"), fetch("/metrics")]);
    $("health").className = health.ok ? "health ok" : "health ill";
    $("health").lastChild.textContent = health.ok ? "healthy" : await fault(health);
    $("live-note").hidden = metrics.ok;
    if (metrics.ok) {
      series.push({ time: performance.now(), ...parse(await metrics.text()) });
      if (series.length > samples) series.shift();
      show();
      await lookAtRanks();
    } else {
      $("live-note").textContent = `/metrics answered ${metrics.status}: nothing can be shown.`;
    }
  } catch {
    $("health").className = "health ill";
    $("health").lastChild.textContent = "no answer";
  }
  // A page in the background asks less often.
  setTimeout(look, document.hidden ? 10 * period : period);
}

async function name() {
  try {
    const response = await fetch("/v1/models", { headers: headers() });
    if (response.ok) {
      $("model").textContent = (await response.json()).data[0].id;
      document.title = `${$("model").textContent} · Lean`;
    } else if (response.status === 401) {
      $("parameters").open = true;
      $("key").focus();
    }
  } catch { /* the live view says so */ }
}
$("key").addEventListener("change", name);
name();
look();
