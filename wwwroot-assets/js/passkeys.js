// Passkeys: the browser's side of making one and of signing in with one.
const json = (url, body) => fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: body === undefined ? "{}" : JSON.stringify(body) });

async function problem(answer) {
  try { return (await answer.json()).detail; } catch { return `The console answers ${answer.status}.`; }
}

async function signIn(button) {
  const says = document.getElementById("passkey-says");
  button.disabled = true;
  says.hidden = true;
  try {
    const options = await json("/passkeys/sign-in/options");
    if (!options.ok) throw new Error(await problem(options));
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(await options.json());
    const credential = await navigator.credentials.get({ publicKey });
    const answer = await json("/passkeys/sign-in", { credential: credential.toJSON() });
    if (!answer.ok) throw new Error(await problem(answer));
    const back = new URL(button.dataset.back || "/", location.origin);
    location.assign(back.origin === location.origin ? back.href : "/");
  } catch (e) {
    says.textContent = e.name === "NotAllowedError" ? "No passkey was given." : e.message;
    says.hidden = false;
    button.disabled = false;
  }
}

// Called by the account page; answers with an error's text, or null when the passkey is kept.
export async function add(name) {
  try {
    const options = await json("/passkeys/options");
    if (!options.ok) return await problem(options);
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(await options.json());
    const credential = await navigator.credentials.create({ publicKey });
    const answer = await json("/passkeys", { credential: credential.toJSON(), name });
    return answer.ok ? null : await problem(answer);
  } catch (e) {
    return e.name === "NotAllowedError" ? "No passkey was made." : e.message;
  }
}

const button = document.querySelector("[data-action=passkey]");
if (button && window.PublicKeyCredential) {
  button.hidden = false;
  button.addEventListener("click", () => signIn(button));
}
