"use strict";
(() => {
	// <script src="https://…/chat/guichet.js" async></script>; data-lang="fr|en" sets the language.
	// Nothing is loaded from us, and nothing stored, before the visitor opens the chat.
	const script = document.currentScript;
	const origin = new URL(script.src).origin;
	const wanted = script.dataset.lang || document.documentElement.lang || navigator.language || "";
	const lang = wanted.slice(0, 2) === "fr" ? "fr" : "en";
	const words = lang === "fr" ? ["Ouvrir la discussion", "Fermer la discussion", "Discussion"] : ["Open the chat", "Close the chat", "Chat"];
	const style = new CSSStyleSheet();
	style.replaceSync(`
		:host { all: initial; }
		button { position: fixed; z-index: 2147483646; right: max(20px, env(safe-area-inset-right)); bottom: max(20px, env(safe-area-inset-bottom));
			width: 60px; height: 60px; border: 0; border-radius: 50%; cursor: pointer; background: {{accent}}; color: {{on-accent}};
			box-shadow: 0 10px 30px -8px rgb(0 0 0 / .5); display: grid; place-items: center; transition: transform .15s; }
		button:hover { transform: scale(1.05); }
		button:focus-visible { outline: 3px solid {{accent}}; outline-offset: 3px; }
		i { width: 28px; height: 24px; border: 2.5px solid; border-radius: 12px 12px 12px 3px; }
		.new::after { content: ""; position: absolute; top: 2px; right: 2px; width: 14px; height: 14px; border-radius: 50%; background: #c8321f; border: 2px solid #fff; }
		iframe { position: fixed; z-index: 2147483647; right: max(20px, env(safe-area-inset-right)); bottom: 92px; width: 400px; height: min(680px, calc(100dvh - 116px));
			border: 0; border-radius: 20px; box-shadow: 0 24px 70px -16px rgb(0 0 0 / .45); color-scheme: light dark; background: #faf8f5; }
		[hidden] { display: none; }
		@media (max-width: 480px) { iframe { inset: 0; width: 100%; height: 100dvh; border-radius: 0; } }
		@media (prefers-color-scheme: dark) { iframe { background: #181513; } }
		@media (prefers-reduced-motion: reduce) { button { transition: none; } }`);
	const host = document.createElement("div");
	const root = host.attachShadow({ mode: "open" });
	root.adoptedStyleSheets = [style];
	const launcher = document.createElement("button");
	launcher.type = "button";
	launcher.append(document.createElement("i"));
	let frame = null;
	const isOpen = () => frame !== null && !frame.hidden;
	function say() {
		launcher.setAttribute("aria-label", words[isOpen() ? 1 : 0]);
		launcher.setAttribute("aria-expanded", String(isOpen()));
	}
	function toggle() {
		if (!frame) {
			frame = document.createElement("iframe");
			frame.title = words[2];
			frame.src = origin + "/chat?embed=1&lang=" + lang;
			frame.addEventListener("load", () => frame.contentWindow.postMessage("guichet-focus", origin));
			root.append(frame);
		} else {
			frame.hidden = !frame.hidden;
			if (isOpen()) frame.contentWindow.postMessage("guichet-focus", origin);
		}
		launcher.classList.remove("new");
		if (!isOpen()) launcher.focus();
		say();
	}
	launcher.addEventListener("click", toggle);
	addEventListener("message", (event) => {
		if (!frame || event.source !== frame.contentWindow || event.origin !== origin || !event.data) return;
		if (event.data.guichet === "close" && isOpen()) toggle();
		if (event.data.guichet === "message" && !isOpen()) launcher.classList.add("new");
	});
	root.append(launcher);
	say();
	(document.body || document.documentElement).append(host);
})();
