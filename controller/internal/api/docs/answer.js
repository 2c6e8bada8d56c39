import { el, coloured } from "./dom.js";

// most is how much of an answer is shown: a log can be longer than a page bears.
const most = 200_000;

// answer is the button that sends a request, and what came back.
export function answer(operation, current, token) {
  const state = el("p", { class: "state", role: "status" });
  const text = el("code", {});
  const shown = el("pre", { tabindex: "0", "aria-label": "Answer", hidden: true }, text);
  const button = el("button", { type: "button", class: "send" }, "Try it");
  let running = null;
  button.addEventListener("click", async () => {
    if (running) return running.abort();
    const request = current();
    const missing = /\{([^}]+)\}/.exec(request.path);
    if (missing) {
      state.textContent = `Fill in ${missing[1]} first.`;
      button.parentElement.parentElement.querySelector(`[name="${CSS.escape(missing[1])}"]`)?.focus();
      return;
    }
    running = new AbortController();
    button.textContent = "Stop";
    try {
      await send(request, token(), running.signal, state, text, shown);
    } catch (error) {
      state.textContent = running.signal.aborted ? "Stopped." : `No answer: ${error.message}`;
    }
    running = null;
    button.textContent = "Try it";
  });
  return el("div", { class: "answer" }, el("div", { class: "sending" }, button, state), shown);
}

// send shows the answer while it comes in. The token goes into the header that
// the controller reads first: a proxy in between may want the other one.
async function send(request, token, signal, state, text, shown) {
  const headers = { ...request.headers };
  if (token) headers["X-Borg-Authorization"] = `Bearer ${token}`;
  const start = performance.now();
  state.textContent = "Waiting for the answer…";
  text.textContent = "";
  shown.hidden = true;
  const response = await fetch(request.path, { headers, signal, credentials: "omit", cache: "no-store", redirect: "error" });
  const head = `${response.status} ${response.statusText}`.trim();
  shown.hidden = false;
  state.textContent = `${head}, coming in…`;
  const { all, bytes, cut } = await read(response, text);
  const took = Math.round(performance.now() - start);
  const hint = response.status === 401 && !token ? ": paste a token at the top" : "";
  state.textContent = `${head}${hint} · ${bytes} bytes${cut ? ", cut here" : ""} · ${took} ms`;
  if (/\bjson\b/.test(response.headers.get("Content-Type") ?? "") && !cut) text.replaceChildren(coloured(pretty(all)));
  shown.hidden = all === "";
}

async function read(response, text) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let all = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { all, bytes: new TextEncoder().encode(all).length, cut: false };
    all += value;
    text.append(value);
    if (all.length > most) {
      await reader.cancel();
      return { all, bytes: all.length, cut: true };
    }
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
