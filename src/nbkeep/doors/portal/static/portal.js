// What pages gain with scripts on: live parts, ticking times, copy buttons, password hints. Without them all works too.
"use strict";

// Themes

function wireTheme() {
  const button = document.getElementById("theme-toggle");
  if (!button) return;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const label = () => button.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
  button.hidden = false;
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem("nbkeep-theme", theme);
    } catch {
      // Not remembered where storage is closed.
    }
    label();
  });
  dark.addEventListener("change", label);
  label();
}

// Times: the server's words, kept true by the browser

function span(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return seconds < 600 ? `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) {
    const minutes = Math.floor((seconds % 3600) / 60);
    return `${Math.floor(seconds / 3600)} h${minutes ? ` ${minutes} min` : ""}`;
  }
  const days = Math.floor(seconds / 86400);
  return `${days} day${days > 1 ? "s" : ""}`;
}

// The server's clock counts, not the browser's, which may be wrong by minutes.
const serverAhead = Date.parse(document.querySelector('meta[name="server-time"]')?.content || "") - Date.now() || 0;

function tick() {
  for (const time of document.querySelectorAll("time[data-live]")) {
    const seconds = (Date.parse(time.dateTime) - Date.now() - serverAhead) / 1000;
    const text = "for" in time.dataset ? span(Math.max(0, -seconds)) : Math.abs(seconds) < 5 ? "now" : seconds > 0 ? `in ${span(seconds)}` : `${span(-seconds)} ago`;
    // An unchanged text is left alone: screen readers would hear it again.
    if (time.textContent !== text) time.textContent = text;
  }
}

// Live parts: one stream each, only while the page is seen (a browser has six connections for a site)

function wireLive(part) {
  let source = null;
  const url = part.dataset.liveUrl + ("opening" in part.dataset ? "?opening=1" : "");
  const close = () => {
    source?.close();
    source = null;
  };
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource(url);
    source.addEventListener("swap", (event) => swap(part, event.data));
    source.addEventListener("goto", (event) => {
      close();
      location.assign(event.data);
    });
    source.addEventListener("gone", () => {
      close();
      location.reload();
    });
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}

function swap(part, html) {
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  const opened = [...part.querySelectorAll("details[open][id]")].map((one) => one.id);
  part.innerHTML = html;
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.focus();
  window.htmx?.process(part);
  wireForms(part);
  tick();
}

// Forms

function wireForms(root) {
  for (const form of root.querySelectorAll("form[data-confirm]:not([data-wired])")) {
    form.dataset.wired = "";
    form.addEventListener("submit", (event) => {
      if (!confirm(form.dataset.confirm)) event.preventDefault();
    });
  }
  for (const form of root.querySelectorAll("form[data-once]:not([data-wired])")) {
    form.dataset.wired = "";
    form.addEventListener("submit", () => {
      const button = form.querySelector("button[type=submit]");
      // After the form was read: a disabled button would otherwise not be sent.
      setTimeout(() => {
        button.disabled = true;
        if (button.dataset.busy) button.textContent = button.dataset.busy;
      });
    });
  }
  for (const button of root.querySelectorAll("button[data-copy]:not([data-wired])")) {
    button.dataset.wired = "";
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
      toast("Copied.");
    });
  }
  // The key of a link stands behind the #, which browsers send to nobody: it is sent once, and taken out of the history.
  for (const form of root.querySelectorAll("form[data-key-from-hash]:not([data-wired])")) {
    form.dataset.wired = "";
    if (location.hash.length < 2) continue;
    form.elements.key.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    form.submit();
  }
  for (const form of root.querySelectorAll("form[data-password-form]:not([data-wired])")) wirePassword(form);
}

function wirePassword(form) {
  form.dataset.wired = "";
  const password = form.querySelector("#password");
  const again = form.querySelector("#again");
  const rules = form.querySelector("#rules");
  const name = rules.dataset.name.toLowerCase();
  const show = form.querySelector("[data-show-password]");
  const check = () => {
    const text = password.value;
    const met = {
      length: [...text].length >= Number(rules.dataset.min),
      name: text !== "" && !text.toLowerCase().includes(name),
      varied: text !== "" && new Set(text.toLowerCase()).size >= 5,
      same: text !== "" && text === again.value,
    };
    for (const line of rules.querySelectorAll("[data-rule]")) line.classList.toggle("met", met[line.dataset.rule]);
    again.setCustomValidity(again.value && !met.same ? "The two passwords differ." : "");
  };
  form.addEventListener("input", check);
  if (show) {
    show.hidden = false;
    show.querySelector("input").addEventListener("change", (event) => {
      password.type = again.type = event.target.checked ? "text" : "password";
    });
  }
}

// Messages

function toast(content) {
  const place = document.getElementById("toast");
  const note = document.createElement("div");
  note.className = "note good";
  note.textContent = content;
  place.replaceChildren(note);
  setTimeout(() => note.remove(), 4000);
}

document.addEventListener("htmx:responseError", (event) => {
  // Our own error fragments are HTML made by the server's templates, escaped there.
  document.getElementById("toast").innerHTML = event.detail.xhr.responseText;
});
document.addEventListener("htmx:sendError", () => toast("The server does not answer. Try again in a moment."));
document.addEventListener("htmx:load", (event) => wireForms(event.detail.elt));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".wide-only .nav-group details[open]")) if (!menu.contains(event.target)) menu.open = false;
});

wireTheme();
wireForms(document);
for (const part of document.querySelectorAll("[data-live-url]")) wireLive(part);
setInterval(tick, 1000);
tick();

// A used message does not come back with a reload or a bookmark.
if (new URLSearchParams(location.search).has("done")) {
  const url = new URL(location.href);
  url.searchParams.delete("done");
  history.replaceState(null, "", url);
}
