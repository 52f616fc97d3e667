/** The small script that pages use where a browser runs it: all of the console works without. */

/** Copies a secret, takes it off a page that is left, and keeps the progress of a rotation up to date. */
export const script = `"use strict"
for (const button of document.querySelectorAll("button[data-copies]")) {
  const field = document.getElementById(button.dataset.copies)
  const said = document.getElementById(button.dataset.says)
  button.hidden = false
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(field.value)
      said.textContent = "Copied."
    } catch {
      field.focus()
      field.select()
      said.textContent = "Copying is not allowed here. The text is selected."
    }
  })
}
addEventListener("pagehide", () => {
  for (const field of document.querySelectorAll("[data-once]")) field.value = ""
})
const follow = () => {
  const region = document.querySelector("[data-follow]")
  if (region === null) return
  setTimeout(async () => {
    if (document.hidden || region.contains(document.activeElement)) return follow()
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" })
      if (!answer.ok) return
      const next = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#" + region.id)
      if (next === null) return
      const isSame = next.textContent === region.textContent
      if (!isSame) region.replaceWith(document.adoptNode(next))
      const said = document.getElementById("followed")
      if (!isSame && said !== null) said.textContent = next.dataset.says ?? ""
    } catch {}
    follow()
  }, Number(region.dataset.follow))
}
follow()
`
