const TEXTS = {
	fr: {
		role: "Assistant automatique", other: "EN", toOther: "Switch to English", close: "Fermer la discussion",
		hello: "Bonjour", how: "Une question sur une commande, une livraison, un produit ? Posez-la ici.",
		line: "Un assistant automatique répond d'abord, une personne peut prendre le relais. Vos messages sont conservés pour traiter votre demande.",
		privacy: "Confidentialité", log: "Conversation", human: "Parler à une personne", attach: "Joindre un fichier",
		label: "Votre message", place: "Écrivez votre message…", send: "Envoyer", typing: "L'assistant écrit…",
		sending: "Envoi…", sent: "Envoyé", failed: "Non envoyé", again: "Réessayer", edited: "modifié",
		menu: "Modifier ou supprimer ce message", edit: "Modifier", remove: "Supprimer", sure: "Confirmer la suppression",
		editing: "Modification du message", cancel: "Annuler", you: "Vous", bot: "Assistant", agent: "Conseiller", system: "Information",
		offline: "Connexion interrompue. Vos messages partiront à son retour.", long: "Votre message est trop long (4 000 caractères au plus).",
		upload: "envoi…", uploaded: "prêt", refused: "Fichier non envoyé.", drop: "Retirer", wait: "Un fichier est encore en cours d'envoi.",
	},
	en: {
		role: "Automatic assistant", other: "FR", toOther: "Passer en français", close: "Close the chat",
		hello: "Hello", how: "A question about an order, a delivery, a product? Ask it here.",
		line: "An automatic assistant answers first, a person can take over. Your messages are kept to deal with your request.",
		privacy: "Privacy", log: "Conversation", human: "Talk to a person", attach: "Attach a file",
		label: "Your message", place: "Write your message…", send: "Send", typing: "The assistant is typing…",
		sending: "Sending…", sent: "Sent", failed: "Not sent", again: "Try again", edited: "edited",
		menu: "Edit or delete this message", edit: "Edit", remove: "Delete", sure: "Confirm deletion",
		editing: "Editing your message", cancel: "Cancel", you: "You", bot: "Assistant", agent: "Advisor", system: "Information",
		offline: "Connection lost. Your messages will leave once it is back.", long: "Your message is too long (4,000 characters at most).",
		upload: "uploading…", uploaded: "ready", refused: "File not sent.", drop: "Remove", wait: "A file is still being uploaded.",
	},
};
const $ = (id) => document.getElementById(id);
const on = (target, name, act) => target.addEventListener(name, act);
const aria = (element, name, value) => element.setAttribute("aria-" + name, value);
const make = (tag, name, text) => {
	const element = document.createElement(tag);
	if (name) element.className = name;
	if (text) element.textContent = text;
	return element;
};
const link = (href, text, name) => Object.assign(make("a", name, text), { href, target: "_blank", rel: "noopener noreferrer" });
const button = (text, act, name) => {
	const element = make("button", name, text);
	element.type = "button";
	on(element, "click", act);
	return element;
};
// What is kept on the device; nothing before the visitor opens the chat, and a browser may forbid it.
const kept = {
	get(name) { try { return localStorage.getItem("guichet." + name); } catch { return null; } },
	set(name, value) { try { localStorage.setItem("guichet." + name, value); } catch { /* kept in memory only */ } },
	drop(name) { try { localStorage.removeItem("guichet." + name); } catch { /* was not kept */ } },
};
const query = new URLSearchParams(location.search);
const embedded = query.has("embed");
const log = $("log"), lines = $("lines"), text = $("text"), typing = $("typing");

let lang = [query.get("lang"), kept.get("lang"), navigator.language].map((l) => (l || "").slice(0, 2)).find((l) => TEXTS[l]) || "en";
let session = kept.get("session");
let pending = JSON.parse(kept.get("pending") || "[]");
let opened = false, socket = null, welcomed = false, last = null, tries = 0, timer = 0, watchdog = 0;
let seenTimer = 0, newest = null, seen = kept.get("seen"), editing = null, person = null, tray = [], typingTimer = 0, quietTimer = 0;
const shown = new Map();
const t = (name) => TEXTS[lang][name];
const newId = () => "c" + Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");

// words
function speak() {
	document.documentElement.lang = lang;
	sayRole();
	$("mark").textContent = ($("brand").textContent.trim().split(/\s+/).pop() || "?")[0];
	$("lang").textContent = t("other");
	$("lang").lang = lang === "fr" ? "en" : "fr";
	aria($("lang"), "label", t("toOther"));
	aria($("close"), "label", t("close"));
	aria(log, "label", t("log"));
	const [head, how, line] = $("intro").children;
	head.textContent = t("hello"); how.textContent = t("how"); line.textContent = t("line") + " ";
	line.append(link("/chat/privacy?lang=" + lang, t("privacy")));
	$("privacy").textContent = t("privacy");
	$("privacy").href = "/chat/privacy?lang=" + lang;
	$("human").lastChild.textContent = t("human");
	aria($("attach"), "label", t("attach"));
	aria($("send"), "label", t("send"));
	document.querySelector("label[for=text]").textContent = t("label");
	text.placeholder = t("place");
	typing.lastChild.textContent = t("typing");
	$("editing").firstChild.textContent = t("editing");
	$("editing").lastChild.textContent = t("cancel");
	$("banner").textContent = t("offline");
	for (const line of shown.values()) line.words();
	showTray();
}

// lines
function fill(bubble, words) {
	bubble.replaceChildren();
	let at = 0;
	for (const found of words.matchAll(/https:\/\/[^\s<>"']+/g)) {
		const address = found[0].replace(/[.,;:!?)\]»]+$/, "");
		unbroken(bubble, words.slice(at, found.index));
		bubble.append(link(address, address));
		at = found.index + address.length;
	}
	unbroken(bubble, words.slice(at));
}

// French punctuation never begins a line
function unbroken(bubble, words) {
	words.split(/(\S{1,20} [?!:;»]+|« \S{1,20})/).forEach((part, odd) => bubble.append(odd % 2 ? make("span", "nb", part) : part));
}

function fileElement(file) {
	const image = /^image\/(png|jpeg|gif|webp)$/.test(file.mime) && file.url;
	if (!image) return file.url ? link(file.url, file.name, "chip") : make("span", "chip", file.name);
	const element = link(file.url), picture = make("img");
	picture.src = file.url; picture.alt = file.name;
	on(picture, "load", toEnd);
	element.append(picture);
	return element;
}

function sayRole() { $("role").textContent = person === null ? t("role") : person || t("agent"); }

function show(frame, state) {
	const known = shown.get(frame.id);
	if (known) { delete known.element.dataset.unsent; return known; }
	const near = atEnd();
	const mine = frame.author === "customer";
	const element = make("div", "line " + frame.author), who = make("p", "who"), bubble = make("div", "bubble"), meta = make("div", "meta");
	const line = { frame, element, state: state || "sent", words, set };
	function words() {
		const name = mine ? t("you") : frame.author === "agent" && frame.name ? frame.name : t(frame.author);
		who.textContent = name;
		bubble.hidden = !frame.text;
		fill(bubble, frame.text || "");
			const at = frame.at ? new Date(frame.at).toLocaleTimeString(lang, { hour: "2-digit", minute: "2-digit" }) : "";
		meta.replaceChildren([at, frame.edited && t("edited"), mine && t(line.state)].filter(Boolean).join(" · "));
		if (line.state === "failed") meta.append(button(t("again"), () => retry(line), "again"));
		else if (mine && line.state === "sent" && !frame.press) menu();
	}
	function menu() {
		const dots = button("⋯", () => {
			const remove = button(t("remove"), () => {
				if (remove.textContent === t("sure")) return change({ type: "delete", message: frame.id });
				remove.textContent = t("sure");
			});
			const edit = button(t("edit"), () => { startEdit(line); words(); });
			dots.replaceWith(...(frame.text ? [edit] : []), remove);
			(frame.text ? edit : remove).focus();
		});
		aria(dots, "label", t("menu"));
		meta.append(dots);
	}
	function set(next) { line.state = next; element.classList.toggle("failed", next === "failed"); words(); }
	const before = [...lines.children].find((other) => other.dataset.unsent && line.state !== "sending") || null;
	const previous = before ? before.previousElementSibling : lines.lastElementChild;
	const grouped = previous && previous.classList.contains(frame.author) && previous.dataset.name === (frame.name || "");
	element.dataset.name = frame.name || "";
	if (!grouped) element.classList.add("first");
	if (mine || grouped || frame.author === "system") who.classList.add("sr");
	element.append(who, bubble);
	if (frame.attachments && frame.attachments.length) {
		const files = make("div", "files");
		files.append(...frame.attachments.map(fileElement));
		element.append(files);
	}
	element.append(meta);
	if (mine) { for (const stale of lines.querySelectorAll(".buttons")) stale.remove(); }
	if (frame.buttons && frame.buttons.length) element.append(choices(frame.buttons));
	if (line.state === "sending") element.dataset.unsent = "1";
	lines.insertBefore(element, before);
	shown.set(frame.id, line);
	set(line.state);
	if (near || line.state === "sending") toEnd();
	return line;
}

function choices(buttons) {
	const group = make("div", "buttons");
	group.setAttribute("role", "group");
	group.append(...buttons.map(({ id, label }) => button(label, () => { log.focus({ preventScroll: true }); press(id, label); })));
	return group;
}

const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 120;
function toEnd() { log.scrollTop = log.scrollHeight; }

function showTyping(on) {
	clearTimeout(typingTimer);
	const near = atEnd();
	typing.hidden = !on;
	if (on) { typingTimer = setTimeout(() => showTyping(false), 15000); if (near) toEnd(); }
}

function tell(words) {
	$("notice").hidden = !words;
	$("notice").textContent = words;
}

// out
function keepPending() { if (opened) kept.set("pending", JSON.stringify(pending)); }

function post(frame) {
	open();
	pending.push(frame);
	keepPending();
	if (welcomed) transmit(frame);
}

function transmit(frame) {
	socket.send(JSON.stringify(frame));
	clearTimeout(watchdog);
	watchdog = setTimeout(() => { if (pending.length && socket) socket.close(); }, 10000);
}

function lineOf(frame) {
	return { id: frame.id, author: "customer", text: frame.text || frame.label, attachments: frame.files || [], press: frame.type === "press", at: frame.at };
}

function say(words, files) {
	const frame = { type: "message", id: newId(), text: words, at: new Date().toISOString() };
	if (files.length) {
		frame.attachments = files.map((file) => file.id);
		frame.files = files.map(({ name, mime, url }) => ({ name, mime, url }));
	}
	show(lineOf(frame), "sending");
	post(frame);
}

function press(id, label) {
	const frame = { type: "press", id: newId(), button: id, label, at: new Date().toISOString() };
	show(lineOf(frame), "sending");
	post(frame);
}

function change(frame) { post({ id: newId(), ...frame }); log.focus({ preventScroll: true }); }

function retry(line) {
	line.set("sending");
	post(line.origin);
}

function settle(id) {
	const frame = pending.find((one) => one.id === id);
	if (!frame) return null;
	pending = pending.filter((one) => one !== frame);
	keepPending();
	return frame;
}

function startEdit(line) {
	editing = line;
	$("editing").hidden = false;
	text.value = line.frame.text;
	text.focus();
	grow();
}

function stopEdit() {
	editing = null;
	$("editing").hidden = true;
	text.value = "";
	grow();
}

// in
const incoming = {
	welcome(frame) {
		welcomed = true; tries = 0;
		$("banner").hidden = true;
		session = frame.session;
		kept.set("session", session);
		aria(log, "live", "off");
		clearTimeout(quietTimer);
		quietTimer = setTimeout(() => aria(log, "live", "polite"), 700);
		pending.forEach(transmit);
	},
	message(frame) {
		last = frame.id;
		show(frame);
		if (frame.author === "customer") return;
		if (frame.author !== "system") { showTyping(false); person = frame.author === "agent" ? frame.name || "" : null; sayRole(); }
		newest = frame.id;
		note();
		if (embedded && log.getAttribute("aria-live") === "polite") parent.postMessage({ guichet: "message" }, "*");
	},
	edit(frame) {
		last = frame.id;
		const line = shown.get(frame.message);
		if (line) { line.frame.text = frame.text; line.frame.edited = true; line.words(); }
	},
	delete(frame) {
		last = frame.id;
		const line = shown.get(frame.message);
		if (line) { line.element.remove(); shown.delete(frame.message); }
	},
	typing() { showTyping(true); },
	ack(frame) {
		const sent = settle(frame.id), line = shown.get(frame.id);
		if (line) { delete line.element.dataset.unsent; line.set("sent"); }
		if (sent && (sent.type === "edit" || sent.type === "delete")) { const at = last; incoming[sent.type](sent); last = at; }
	},
	error(frame) {
		if (frame.code === "bad_session") { session = null; kept.drop("session"); last = null; return tell(frame.message); }
		if (frame.code === "unavailable" && frame.id) {
			setTimeout(() => pending.filter((one) => welcomed && one.id === frame.id).forEach(transmit), 2000 + 2000 * Math.random());
		} else if (frame.id) {
			const sent = settle(frame.id), line = shown.get(frame.id);
			if (line && sent) { line.origin = sent; delete line.element.dataset.unsent; line.set("failed"); }
		}
		if (frame.message) tell(frame.message);
	},
};

function note() {
	clearTimeout(seenTimer);
	seenTimer = setTimeout(() => {
		if (!welcomed || document.hidden || !innerHeight || newest === seen || !newest) return;
		seen = newest;
		kept.set("seen", seen);
		socket.send(JSON.stringify({ type: "seen", id: seen }));
	}, 800);
}

// the connection
function open() {
	if (opened) return;
	opened = true;
	keepPending();
	connect();
}

function connect() {
	clearTimeout(timer);
	if (socket) return;
	const own = socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/chat/ws");
	own.onopen = () => own.send(JSON.stringify({ type: "hello", session, after: last, language: lang }));
	own.onmessage = (event) => {
		const frame = JSON.parse(event.data);
		if (incoming[frame.type]) incoming[frame.type](frame);
	};
	own.onclose = () => {
		socket = null; welcomed = false;
		clearTimeout(watchdog);
		if (tries > 0 || !navigator.onLine) $("banner").hidden = false;
		const wait = Math.min(20000, 300 * 2 ** tries++) * (.5 + Math.random() / 2);
		timer = setTimeout(connect, wait);
	};
}

function hurry() { if (opened && !socket) { tries = 0; connect(); } }

// files
function showTray() {
	$("tray").hidden = !tray.length;
	$("tray").replaceChildren(...tray.map((item) => {
		const row = make("li", item.error ? "bad" : "", item.file.name + " · " + (item.error || (item.id ? t("uploaded") : t("upload"))));
		row.append(button(t("drop"), () => { tray = tray.filter((one) => one !== item); showTray(); text.focus(); }));
		return row;
	}));
}

async function addFile(file) {
	const item = { file }, form = new FormData();
	tray.push(item);
	showTray();
	open();
	while (!welcomed) await new Promise((done) => setTimeout(done, 200));
	form.append("file", file);
	try {
		const answer = await fetch("/chat/files", { method: "POST", body: form, headers: { Authorization: "Bearer " + session, "Accept-Language": lang } });
		const told = await answer.json();
		if (answer.ok) Object.assign(item, told, { url: URL.createObjectURL(file) });
		else item.error = told.message;
	} catch { item.error = t("refused"); }
	showTray();
}

// controls
function grow() {
	if (CSS.supports("field-sizing", "content")) return;
	text.style.height = "auto";
	text.style.height = text.scrollHeight + "px";
}

on($("composer"), "submit", (event) => {
	event.preventDefault();
	const words = text.value.trim(), files = tray.filter((item) => item.id);
	if (tray.some((item) => !item.id && !item.error)) return tell(t("wait"));
	if (!words && !files.length) return;
	if ([...words].length > 4000) return tell(t("long"));
	tell("");
	if (editing) {
		if (words !== editing.frame.text) change({ type: "edit", message: editing.frame.id, text: words });
		stopEdit();
	} else {
		tray = [];
		showTray();
		text.value = "";
		say(words, files);
	}
	grow();
	text.focus();
});
on(text, "keydown", (event) => {
	if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); $("composer").requestSubmit(); }
	if (event.key === "Escape" && editing) { event.stopPropagation(); stopEdit(); }
});
on(text, "input", () => { tell(""); grow(); });
on(text, "focus", open);
on(text, "paste", (event) => { [...event.clipboardData.files].forEach(addFile); });
on($("attach"), "click", () => $("file").click());
on($("file"), "change", (event) => { [...event.target.files].forEach(addFile); event.target.value = ""; text.focus(); });
on($("human"), "click", () => press("human", t("human")));
on($("editing").lastChild, "click", stopEdit);
on($("lang"), "click", () => { lang = lang === "fr" ? "en" : "fr"; if (opened) kept.set("lang", lang); speak(); });
on($("close"), "click", () => parent.postMessage({ guichet: "close" }, "*"));
on(document, "keydown", (event) => { if (event.key === "Escape" && embedded) parent.postMessage({ guichet: "close" }, "*"); });
on(document, "visibilitychange", () => { if (!document.hidden) { hurry(); note(); } });
on(window, "online", hurry);
on(window, "offline", () => { if (opened) $("banner").hidden = false; });
on(window, "message", (event) => { if (event.source === parent && event.data === "guichet-focus") text.focus(); });

async function resume(token) {
	history.replaceState(null, "", location.pathname);
	const answer = await fetch("/chat/resume", { method: "POST", body: JSON.stringify({ token }), headers: { "Accept-Language": lang } });
	const told = await answer.json();
	if (!answer.ok) return tell(told.message);
	session = told.session;
	open();
}

document.body.classList.toggle("embed", embedded);
$("close").hidden = !embedded;
speak();
const token = query.get("resume") || new URLSearchParams(location.hash.slice(1)).get("resume");
for (const frame of pending) if (frame.type === "message" || frame.type === "press") show(lineOf(frame), "sending");
if (token) resume(token);
else if (session) open();
if (embedded) text.focus();
