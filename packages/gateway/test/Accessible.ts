/** What a page must be for who uses it with a keyboard, a screen reader, or poor eyes. */
import type { Page } from "playwright-core"

/** Finds in the open page what is wrong with it; empty where nothing is. Runs in the browser. */
const look = (): ReadonlyArray<string> => {
  const found: Array<string> = []
  const all = (selector: string) => [...document.querySelectorAll<HTMLElement>(selector)]
  const idsOf = (element: Element, name: string) => (element.getAttribute(name) ?? "").split(/\s+/).filter(Boolean)
  const textOf = (element: Element | null) => (element?.textContent ?? "").trim()
  const nameOf = (element: HTMLElement) =>
    (element.getAttribute("aria-label") ?? "") +
    idsOf(element, "aria-labelledby")
      .map((id) => textOf(document.querySelector(`#${CSS.escape(id)}`)))
      .join(" ") +
    ("labels" in element ? [...((element.labels ?? []) as NodeListOf<HTMLLabelElement>)].map(textOf).join(" ") : "") +
    (["BUTTON", "A"].includes(element.tagName) ? textOf(element) : "")
  if (document.documentElement.lang === "") found.push("the page has no language")
  if (document.title.trim() === "") found.push("the page has no title")
  if (all("main").length !== 1) found.push("there is not one main landmark")
  if (all("h1").length !== 1) found.push("there is not one first heading")
  let level = 0
  for (const heading of all("h1,h2,h3,h4,h5,h6")) {
    const next = Number(heading.tagName.slice(1))
    if (next > level + 1) found.push(`heading ${heading.tagName} "${textOf(heading)}" skips a level`)
    level = next
  }
  for (const control of all("input:not([type=hidden]),select,textarea,button,a")) {
    if (nameOf(control).trim() === "") found.push(`no name: ${control.outerHTML}`)
  }
  const ids = all("[id]").map(({ id }) => id)
  for (const id of new Set(ids))
    if (ids.filter((one) => one === id).length > 1) found.push(`the id ${id} is there twice`)
  for (const name of ["aria-describedby", "aria-labelledby", "for", "data-copies", "data-says"]) {
    for (const element of all(`[${name}]`)) {
      if (element.id === "progress" && name === "data-says") continue
      for (const id of idsOf(element, name)) if (!ids.includes(id)) found.push(`${name} leads nowhere: ${id}`)
    }
  }
  for (const image of all("img:not([alt])")) found.push(`an image without alt: ${image.outerHTML}`)
  for (const table of all("table")) {
    if (textOf(table.querySelector("caption")) === "") found.push("a table has no caption")
    if (table.querySelector("th:not([scope])") !== null) found.push("a heading of a table has no scope")
  }
  for (const navigation of all("nav")) if (nameOf(navigation) === "") found.push("a navigation has no name")
  if (document.documentElement.scrollWidth > window.innerWidth) found.push("the page is wider than its window")
  type Colour = readonly [number, number, number, number]
  const colourOf = (text: string): Colour => {
    const [red = 0, green = 0, blue = 0, alpha = 1] = (/\(([^)]*)\)/.exec(text)?.[1] ?? "").split(/[\s,/]+/).map(Number)
    return [red, green, blue, alpha]
  }
  const brightness = ([red, green, blue]: Colour) => {
    const [r = 0, g = 0, b = 0] = [red, green, blue].map((part) => {
      const share = part / 255
      return share <= 0.040_45 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const groundOf = (element: Element | null): Colour => {
    if (element === null) return [255, 255, 255, 1]
    const colour = colourOf(getComputedStyle(element).backgroundColor)
    return colour[3] === 1 ? colour : groundOf(element.parentElement)
  }
  for (const element of all("body *")) {
    const hasText = [...element.childNodes].some(
      (node) => node.nodeType === 3 && (node.textContent ?? "").trim() !== ""
    )
    if ((!hasText && element.tagName !== "INPUT") || element.offsetParent === null) continue
    const [light = 0, dark = 0] = [
      brightness(colourOf(getComputedStyle(element).color)),
      brightness(groundOf(element))
    ].toSorted((left, right) => right - left)
    const contrast = (light + 0.05) / (dark + 0.05)
    if (contrast < 4.5) found.push(`contrast ${contrast.toFixed(2)}: ${element.outerHTML.slice(0, 120)}`)
  }
  return found
}

/** Says what is wrong with the open page. */
export const findingsOf = (page: Page): Promise<ReadonlyArray<string>> => page.evaluate(look)

/** Marks what can be reached and says how many there are. Radio buttons of one name are one stop. Runs in the browser. */
const mark = (): number => {
  const stops = [...document.querySelectorAll<HTMLElement>("a[href],button,input:not([type=hidden]),select,textarea")]
  const names = new Set<string>()
  let count = 0
  for (const stop of stops) {
    const group = stop instanceof HTMLInputElement && stop.type === "radio" ? stop.name : undefined
    if (stop.hidden || (group !== undefined && names.has(group))) continue
    if (group !== undefined) names.add(group)
    stop.dataset["stop"] = group ?? String(count)
    count++
  }
  return count
}

/** What has the focus, and whether that shows. Runs in the browser. */
const focused = () => {
  const element = document.activeElement
  if (!(element instanceof HTMLElement) || element === document.body) return undefined
  const { outlineStyle, outlineWidth } = getComputedStyle(element)
  const isRadio = element instanceof HTMLInputElement && element.type === "radio"
  const stop = isRadio ? element.name : element.dataset["stop"]
  return {
    stop,
    isSeen: outlineStyle !== "none" && Number.parseFloat(outlineWidth) > 0,
    html: element.outerHTML.slice(0, 120)
  }
}

/** Says what of the open page the Tab key does not get to, or gets to without its showing. */
export const unreachedOf = async (page: Page): Promise<ReadonlyArray<string>> => {
  const count = await page.evaluate(mark)
  const seen = new Map<string, boolean>()
  // Whatever has the focus of itself, it begins at the top.
  await page.evaluate(() => {
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur()
    getSelection()?.setPosition(document.body, 0)
  })
  // A field of a date is several stops, the last of which shows by itself.
  for (let presses = 0; presses < count + 8 && seen.size < count; presses++) {
    await page.keyboard.press("Tab")
    const now = await page.evaluate(focused)
    if (now?.stop !== undefined) seen.set(now.stop, now.isSeen || seen.get(now.stop) === true)
  }
  const unseen = [...seen].filter(([, isSeen]) => !isSeen).map(([stop]) => `the focus does not show at stop ${stop}`)
  return seen.size < count ? [...unseen, `the Tab key gets to ${seen.size} of ${count}`] : unseen
}
