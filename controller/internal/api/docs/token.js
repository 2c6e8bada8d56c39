// tokenField keeps the token that was pasted in this variable and nowhere
// else: a page that is closed or loaded again has forgotten it.
export function tokenField(form) {
  let token = "";
  const field = form.querySelector("input");
  const [use, forget] = form.querySelectorAll("button");
  const state = document.getElementById("token-state");
  const show = (text) => {
    state.textContent = text;
    field.hidden = use.hidden = token !== "";
    forget.hidden = token === "";
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const pasted = field.value.trim().replace(/^Bearer\s+/i, "");
    field.value = "";
    if (!pasted) return field.focus();
    show("Asking whose it is…");
    const { good, text } = await whose(pasted);
    if (good) token = pasted;
    show(text);
    if (good) forget.focus();
  });
  forget.addEventListener("click", () => {
    token = "";
    show("Forgotten.");
    field.focus();
  });
  return () => token;
}

async function whose(token) {
  try {
    const response = await fetch("/api/auth/me", { headers: { "X-Borg-Authorization": `Bearer ${token}` }, credentials: "omit", cache: "no-store" });
    const body = await response.json();
    if (!response.ok) return { good: false, text: body.detail ?? `The controller answers ${response.status}.` };
    return { good: true, text: `${body.username}, ${body.role}` };
  } catch (error) {
    return { good: false, text: `No answer: ${error.message}` };
  }
}
