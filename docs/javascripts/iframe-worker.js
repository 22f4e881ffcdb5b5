/* Search in pages that are opened from a folder: browsers start no worker there, so a hidden frame runs its script. */
"use strict"
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      this.frame.srcdoc = `<script>
        self.postMessage = data => parent.dispatchEvent(new CustomEvent("iframe-worker", { detail: data }))
        self.importScripts = (...urls) => urls.reduce((done, url) => done.then(() => new Promise((yes, no) => {
          const script = document.createElement("script")
          script.src = url
          script.onload = yes
          script.onerror = no
          document.body.appendChild(script)
        })), Promise.resolve())
      </` + `script><script src="${url}"></` + `script>`
      this.ready = new Promise(loaded => { this.frame.onload = loaded })
      window.addEventListener("iframe-worker", ({ detail }) => {
        const event = new MessageEvent("message", { data: detail })
        this.dispatchEvent(event)
        if (this.onmessage) this.onmessage(event)
      })
      document.body.appendChild(this.frame)
    }
    postMessage(data) {
      const copy = JSON.parse(JSON.stringify(data))
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data: copy })))
    }
    terminate() { this.frame.remove() }
  }
}
