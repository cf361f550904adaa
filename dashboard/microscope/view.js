// The microscope: linked panes of one image, with cells, positions and residuals over it. Python sends what is shown, see view.py.

const HERE = (path) => new URL(`microscope/${path}`, document.baseURI).href
const TILE_PX = 512
const BAR_PX = 110 // about the length of the scale bar
const MARK_PX = 5 // radius of a position
const BLINK_MS = 600
const PROFILE = { title: "Profile", use: "Draw a line: the values along it are shown below." }
const LINES = ["#0072b2", "#e69f00", "#009e73", "#cc79a7"] // profiles, a colour a pane
const shown = new WeakMap() // element of a component -> what it shows
const chosen = new Map() // key -> what somebody chose, kept from image to image

function viewerLibrary() {
  if (!window.brightfieldViewer) {
    window.brightfieldViewer = new Promise((resolve, reject) => {
      const script = document.createElement("script")
      script.src = HERE("viewer.js")
      script.onload = () => resolve(window.OpenSeadragon)
      script.onerror = () => {
        window.brightfieldViewer = undefined
        reject(new Error("the server does not answer"))
      }
      document.head.appendChild(script)
    })
  }
  return window.brightfieldViewer
}

function make(tag, properties = {}, ...children) {
  const { dataset, ...others } = properties
  const made = Object.assign(document.createElement(tag), others)
  Object.assign(made.dataset, dataset ?? {})
  made.append(...children)
  return made
}

class Microscope {
  constructor(root, component) {
    this.root = root
    this.choices = chosen.get(component.key) ?? {
      fills: false,
      overlay: true,
      opacity: 1,
      arrows: 50,
      black: 0,
      white: 100,
      channels: "rgb",
    }
    chosen.set(component.key, this.choices)
    this.viewers = []
    this.panes = []
  }

  async show(component) {
    const { data } = component
    this.step = (by) => component.setTriggerValue("step", by)
    this.mark = () => component.setTriggerValue("mark", true)
    this.marked = data.marked
    this.markButton?.setAttribute("aria-pressed", data.marked === true)
    this.correct = (step) => component.setTriggerValue("correction", step)
    if (this.identity === data.identity) return
    this.identity = data.identity
    const images = JSON.stringify(data.panes.map((pane) => pane.title))
    this.place = this.images === images && this.subject === data.subject ? this.looking() : undefined
    if (this.subject !== data.subject) this.tool = undefined
    this.images = images
    this.subject = data.subject
    this.end()
    this.data = data
    this.root.replaceChildren(make("p", { className: "note", textContent: "Loading the viewer" }))
    try {
      this.osd = await viewerLibrary()
    } catch (error) {
      this.root.replaceChildren(make("p", { className: "note", textContent: `No viewer: ${error.message}. Reload the page.` }))
      return
    }
    if (this.identity === data.identity) this.build()
  }

  close() {
    this.identity = undefined
    this.end()
  }

  end() {
    clearInterval(this.blinking)
    delete this.root.dataset.drawn
    this.viewers.forEach((viewer) => viewer.destroy())
    this.viewers = []
    this.panes = []
  }

  // where somebody looks at the moment: a corrected truth is shown at the same place
  looking() {
    const viewer = this.viewers[0]
    return viewer?.isOpen() ? { zoom: viewer.viewport.getZoom(), centre: viewer.viewport.getCenter() } : undefined
  }

  build() {
    const row = make("div", { className: "panes" })
    const count = this.data.panes.length
    row.style.gridTemplateColumns = `repeat(${count > 3 ? 2 : count}, minmax(0, 1fr))` // alike, so that all zoom alike
    this.note = make("div", { className: "note", role: "status" })
    this.plot = make("div", { className: "profile" })
    this.root.replaceChildren(this.toolbar(), row, this.legend(), this.plot, this.note)
    for (const pane of this.data.panes) {
      const stage = make("div", { className: "stage" })
      const marks = make("canvas", { className: "marks" })
      const bar = make("div", { className: "bar" })
      const title = make("div", { className: "title" }, make("b", { textContent: pane.title }), make("span", { textContent: pane.words }))
      row.append(make("figure", { className: "pane" }, title, make("div", { className: "frame" }, stage, marks, bar)))
      this.panes.push({ ...pane, stage, marks, bar })
    }
    this.panes.forEach((pane) => this.open(pane))
    this.use(this.tool && this.data.tools.find((tool) => tool.action === this.tool.action))
    if (!this.place) this.root.scrollIntoView({ block: "nearest", behavior: "smooth" })
  }

  open(pane) {
    const viewer = this.osd({
      element: pane.stage,
      tileSources: this.photograph(pane),
      drawer: "canvas",
      imageSmoothingEnabled: false,
      showNavigationControl: false,
      maxZoomPixelRatio: 48,
      minZoomImageRatio: 0.9,
      visibilityRatio: 0.5,
      animationTime: 0.25,
      springStiffness: 12,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    })
    pane.viewer = viewer
    this.viewers.push(viewer)
    viewer.addHandler("open", () => {
      if (this.place) {
        viewer.viewport.zoomTo(this.place.zoom, null, true)
        viewer.viewport.panTo(this.place.centre, true)
      }
      this.watch(viewer.world.getItemAt(0))
      this.cells(pane)
      this.draw(pane)
    })
    viewer.addHandler("update-viewport", () => this.draw(pane))
    viewer.addHandler("resize", () => this.draw(pane))
    viewer.addHandler("tile-load-failed", () => (this.note.textContent = "A part of the image did not come. Reload the page."))
    for (const event of ["zoom", "pan"]) viewer.addHandler(event, (moved) => this.follow(viewer, moved.immediately))
    this.pointers(pane)
  }

  // all panes show the same place
  follow(leader, immediately) {
    if (this.following) return
    this.following = true
    for (const viewer of this.viewers) {
      if (viewer === leader || !viewer.isOpen()) continue
      viewer.viewport.zoomTo(leader.viewport.getZoom(), null, immediately)
      viewer.viewport.panTo(leader.viewport.getCenter(), immediately)
    }
    this.following = false
  }

  source(pane, url) {
    const last = Math.ceil(Math.log2(Math.max(pane.width, pane.height)))
    return { width: pane.width, height: pane.height, tileSize: TILE_PX, minLevel: 0, maxLevel: last, getTileUrl: url }
  }

  photograph(pane) {
    const reach = pane.white - pane.black
    const black = pane.black + (reach * this.choices.black) / 100
    const white = pane.black + (reach * this.choices.white) / 100
    const channels = pane.colour && this.choices.channels !== "rgb" ? `&channels=${this.choices.channels}` : ""
    return this.source(pane, (level, x, y) => HERE(`tiles/${pane.image}/${level}/${x}_${y}.png?black=${black}&white=${white}${channels}`))
  }

  cells(pane) {
    const fills = this.choices.fills ? 1 : 0
    for (const name of pane.cells) {
      pane.viewer.addTiledImage({
        tileSource: this.source(pane, (level, x, y) => HERE(`tiles/${name}/${level}/${x}_${y}.png?fills=${fills}`)),
        opacity: this.visible(),
        success: ({ item }) => this.watch(item),
      })
    }
  }

  // once all is there, the element says so, for whoever waits for it
  watch(item) {
    const look = () => {
      const items = (pane) => Array.from({ length: pane.viewer.world.getItemCount() }, (_, i) => pane.viewer.world.getItemAt(i))
      const whole = (pane) => items(pane).length > pane.cells.length && items(pane).every((each) => each.getFullyLoaded())
      if (this.panes.length && this.panes.every(whole)) this.root.dataset.drawn = this.identity
    }
    item.addHandler("fully-loaded-change", look)
    look()
  }

  visible() {
    return this.choices.overlay ? this.choices.opacity : 0
  }

  // contrast: the tiles come again, from the image's own values
  contrast() {
    for (const pane of this.panes) {
      if (!pane.viewer.isOpen()) continue
      const old = pane.viewer.world.getItemAt(0)
      pane.viewer.addTiledImage({ tileSource: this.photograph(pane), index: 0, success: () => pane.viewer.world.removeItem(old) })
    }
  }

  overlays(again = false) {
    for (const pane of this.panes) {
      if (!pane.viewer.isOpen()) continue
      const world = pane.viewer.world
      const layers = Array.from({ length: world.getItemCount() - 1 }, (_, i) => world.getItemAt(i + 1))
      if (again) {
        layers.forEach((layer) => world.removeItem(layer))
        this.cells(pane)
      } else layers.forEach((layer) => layer.setOpacity(this.visible()))
      this.draw(pane)
    }
  }

  // positions, residuals, the line of the profile, and the scale bar: drawn anew at each movement
  draw(pane) {
    if (!pane.viewer.isOpen()) return
    const image = pane.viewer.world.getItemAt(0)
    if (!image) return
    const place = (x, y) => image.imageToViewerElementCoordinates(new this.osd.Point(x + 0.5, y + 0.5)) // (0, 0): centre of a pixel
    const { clientWidth: width, clientHeight: height } = pane.stage
    const dense = window.devicePixelRatio || 1
    if (pane.marks.width !== width * dense || pane.marks.height !== height * dense) {
      Object.assign(pane.marks, { width: width * dense, height: height * dense })
    }
    const pen = pane.marks.getContext("2d")
    pen.setTransform(dense, 0, 0, dense, 0, 0)
    pen.clearRect(0, 0, width, height)
    pen.globalAlpha = this.visible()
    if (this.choices.overlay) {
      for (const [x, y, colour, shape] of pane.points) this.symbol(pen, place(x, y), colour, shape)
      for (const [x0, y0, x1, y1] of pane.residuals) {
        const larger = this.choices.arrows
        this.arrow(pen, place(x0, y0), place(x0 + larger * (x1 - x0), y0 + larger * (y1 - y0)))
      }
    }
    pen.globalAlpha = 1
    if (this.drawn) this.outline(pen, this.drawn.map(([x, y]) => place(x, y)))
    if (this.line) {
      const [from, to] = [place(this.line[0], this.line[1]), place(this.line[2], this.line[3])]
      this.stroke(pen, "#ffffff", 3, from, to)
      this.stroke(pen, "#000000", 1, from, to)
    }
    const scale = place(1, 0).x - place(0, 0).x
    const unit = this.data.pixel_um ?? 1
    const aim = (BAR_PX / scale) * unit
    const power = 10 ** Math.floor(Math.log10(aim))
    const length = [5, 2, 1].map((each) => each * power).find((each) => each <= aim) ?? power
    pane.bar.style.width = `${(length / unit) * scale}px`
    pane.bar.textContent = `${Number(length.toPrecision(2))} ${this.data.pixel_um ? "\u00b5m" : "px"}`
  }

  symbol(pen, at, colour, shape) {
    for (const [style, width] of [["#000000", 3.5], [colour, 1.7]]) {
      pen.strokeStyle = style
      pen.lineWidth = width
      pen.beginPath()
      if (shape === "ring") pen.arc(at.x, at.y, MARK_PX + 1, 0, 2 * Math.PI)
      else {
        pen.moveTo(at.x - MARK_PX, at.y)
        pen.lineTo(at.x + MARK_PX, at.y)
        pen.moveTo(at.x, at.y - MARK_PX)
        pen.lineTo(at.x, at.y + MARK_PX)
      }
      pen.stroke()
    }
  }

  arrow(pen, from, to) {
    this.stroke(pen, "#000000", 3, from, to)
    this.stroke(pen, "#f0e442", 1.5, from, to)
    pen.fillStyle = "#f0e442"
    pen.beginPath()
    pen.arc(to.x, to.y, 2.5, 0, 2 * Math.PI)
    pen.fill()
  }

  outline(pen, corners) {
    for (const [style, width] of [["#000000", 3], ["#f0e442", 1.5]]) {
      Object.assign(pen, { strokeStyle: style, lineWidth: width })
      pen.beginPath()
      corners.forEach((corner) => pen.lineTo(corner.x, corner.y))
      pen.closePath()
      pen.stroke()
    }
  }

  stroke(pen, style, width, from, to) {
    Object.assign(pen, { strokeStyle: style, lineWidth: width })
    pen.beginPath()
    pen.moveTo(from.x, from.y)
    pen.lineTo(to.x, to.y)
    pen.stroke()
  }

  // --- what is chosen --------------------------------------------------------------------------------------------------

  toolbar() {
    const has = (of) => this.data.panes.some(of)
    const bar = make("div", { className: "tools" })
    const button = (name, title, act, pressed) => {
      const made = make("button", { type: "button", textContent: name, title, onclick: () => act(made) })
      if (pressed !== undefined) made.setAttribute("aria-pressed", pressed)
      bar.append(made)
      return made
    }
    const slider = (name, title, low, high, key, act) => {
      const made = make("input", { type: "range", min: low, max: high, value: this.choices[key], title, step: "any" })
      made.setAttribute("aria-label", title)
      let wait
      made.oninput = () => {
        this.choices[key] = Number(made.value)
        clearTimeout(wait)
        wait = setTimeout(act, key === "black" || key === "white" ? 120 : 0)
      }
      bar.append(make("label", { textContent: name }, made))
    }
    if (this.data.steps) {
      button("\u2039", "Previous image (p)", () => this.step(-1))
      button("\u203a", "Next image (n)", () => this.step(1))
    }
    button("Fit", "Show the whole image (f)", () => this.fit())
    if (has((pane) => pane.cells.length || pane.points.length)) {
      this.overlayButton = button("Overlay", "Show or hide what lies over the image (o)", () => this.toggle(), this.choices.overlay)
      button("Blink", "Show and hide it by turns (b)", (made) => this.blink(made), false)
      slider("Opacity", "Opacity of what lies over the image", 0, 1, "opacity", () => this.overlays())
    }
    if (has((pane) => pane.cells.length)) {
      this.fillButton = button("Fill", "Fill cells, or outline them (c)", () => this.fill(), this.choices.fills)
    }
    if (has((pane) => pane.residuals.length)) {
      slider("Arrows", "By how much residuals are magnified", 1, 200, "arrows", () => this.overlays())
    }
    slider("Black", "What is shown black", 0, 99, "black", () => this.contrast())
    slider("White", "What is shown white", 1, 150, "white", () => this.contrast())
    if (has((pane) => pane.colour)) {
      for (const channel of "rgb") {
        const name = channel.toUpperCase()
        button(name, `Show channel ${name}, or hide it`, (made) => this.channel(channel, made), this.choices.channels.includes(channel))
      }
    }
    if (this.data.marked !== null) {
      this.markButton = button("Mark", "The truth of this image is wrong: collect it (m)", () => this.mark(), this.marked === true)
    }
    this.toolButtons = new Map([
      [PROFILE, button(PROFILE.title, "Draw a line: the values along it (l)", () => this.use(this.tool === PROFILE ? undefined : PROFILE), false)],
    ])
    if (this.data.tools.length) bar.append(make("span", { className: "line" }), make("span", { className: "caption", textContent: "Correct the truth:" }))
    for (const tool of this.data.tools) {
      const act = () => this.use(this.tool === tool ? undefined : tool)
      this.toolButtons.set(tool, button(tool.title, tool.use, act, false))
    }
    const classes = [...new Set(this.data.tools.flatMap((tool) => tool.classes))]
    if (classes.length) {
      const select = make("select", { onchange: () => (this.choices.to = select.value) }, ...classes.map((name) => make("option", { textContent: name })))
      select.setAttribute("aria-label", "Class of what is corrected")
      this.choices.to = classes.includes(this.choices.to) ? this.choices.to : classes[0]
      select.value = this.choices.to
      bar.append(select)
    }
    this.root.onkeydown = (event) => this.key(event)
    return bar
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || ["INPUT", "SELECT"].includes(event.target.tagName)) return
    const acts = {
      n: () => this.data.steps && this.step(1),
      p: () => this.data.steps && this.step(-1),
      f: () => this.fit(),
      o: () => this.overlayButton && this.toggle(),
      c: () => this.fillButton && this.fill(),
      l: () => this.use(this.tool === PROFILE ? undefined : PROFILE),
      m: () => this.marked !== null && this.mark(),
      Escape: () => this.use(undefined),
    }
    if (!(event.key in acts)) return
    event.preventDefault()
    event.stopPropagation()
    acts[event.key]()
  }

  // one channel at least is shown
  channel(channel, button) {
    const others = [..."rgb"].filter((each) => (each === channel) !== this.choices.channels.includes(each)).join("")
    if (!others) return
    this.choices.channels = others
    button.setAttribute("aria-pressed", others.includes(channel))
    this.contrast()
  }

  fit() {
    this.viewers[0]?.viewport.goHome()
  }

  toggle() {
    this.choices.overlay = !this.choices.overlay
    this.overlayButton.setAttribute("aria-pressed", this.choices.overlay)
    this.overlays()
  }

  blink(button) {
    const begins = button.getAttribute("aria-pressed") !== "true"
    button.setAttribute("aria-pressed", begins)
    clearInterval(this.blinking)
    if (begins) this.blinking = setInterval(() => this.toggle(), BLINK_MS)
    else if (!this.choices.overlay) this.toggle()
  }

  fill() {
    this.choices.fills = !this.choices.fills
    this.fillButton.setAttribute("aria-pressed", this.choices.fills)
    this.overlays(true)
  }

  legend() {
    const words = this.data.legend.map(([colour, word]) => {
      const sample = make("i")
      sample.style.background = colour
      return make("span", {}, sample, word)
    })
    return make("div", { className: "legend" }, ...words)
  }

  // --- what the pointer does: move the image, or what a tool does --------------------------------------------------------

  // with a tool, clicks and strokes are its own; without, they move the image. The wheel zooms always
  use(tool) {
    this.tool = tool
    for (const [each, button] of this.toolButtons) button.setAttribute("aria-pressed", each === tool)
    for (const pane of this.panes) {
      pane.viewer.setMouseNavEnabled(!tool)
      pane.marks.classList.toggle("drawing", tool !== undefined)
    }
    this.note.textContent = tool?.use ?? ""
    this.drawn = undefined
    if (tool !== PROFILE) {
      this.line = undefined
      this.plot.replaceChildren()
    }
    this.redraw()
  }

  redraw() {
    this.panes.forEach((pane) => this.draw(pane))
  }

  pointers(pane) {
    const at = (event) => {
      const box = pane.marks.getBoundingClientRect()
      const point = new this.osd.Point(event.clientX - box.left, event.clientY - box.top)
      const found = pane.viewer.world.getItemAt(0).viewerElementToImageCoordinates(point)
      return [found.x - 0.5, found.y - 0.5]
    }
    pane.marks.onpointerdown = (event) => {
      pane.marks.setPointerCapture(event.pointerId)
      const first = at(event)
      if (this.tool === PROFILE) this.line = [...first, ...first]
      else if (this.tool.by === "outline") this.drawn = [first]
    }
    pane.marks.onpointermove = (event) => {
      if (!pane.marks.hasPointerCapture(event.pointerId)) return
      if (this.tool === PROFILE) this.line.splice(2, 2, ...at(event))
      else if (this.drawn) this.drawn.push(at(event))
      this.redraw()
    }
    pane.marks.onpointerup = (event) => {
      if (this.tool === PROFILE) this.profile()
      else this.corrected(at(event))
    }
    pane.marks.onwheel = (event) => {
      event.preventDefault()
      const box = pane.marks.getBoundingClientRect()
      const point = pane.viewer.viewport.pointFromPixel(new this.osd.Point(event.clientX - box.left, event.clientY - box.top))
      pane.viewer.viewport.zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2, point)
    }
  }

  // the server knows whether there is anything to be corrected, and answers with the truth as it is then
  corrected(at) {
    const { action, by, classes } = this.tool
    const to = classes.length ? this.choices.to : null
    if (by === "point") this.correct({ action, at, to })
    else if (this.drawn?.length >= 3) this.correct({ action, outline: this.drawn, to })
    else this.note.textContent = "Hold the mouse down and draw around the whole cell."
  }

  // --- the profile along a line ----------------------------------------------------------------------------------------

  async profile() {
    const line = this.line
    const asked = new URLSearchParams(["x0", "y0", "x1", "y1"].map((name, i) => [name, line[i]]))
    const names = [...new Set(this.panes.map((pane) => pane.image))]
    const answers = await Promise.all(
      names.map(async (name) => {
        const answer = await fetch(HERE(`profiles/${name}?${asked}`))
        return answer.ok ? (await answer.json()).values : []
      }),
    )
    if (line !== this.line) return
    const grey = (value) => (Array.isArray(value) ? value.reduce((a, b) => a + b, 0) / value.length : value)
    const length = Math.hypot(line[2] - line[0], line[3] - line[1]) * (this.data.pixel_um ?? 1)
    const titles = names.map((name) => this.panes.find((pane) => pane.image === name).title)
    this.plot.replaceChildren(...this.curves(answers.map((values) => values.map(grey)), titles, length))
  }

  curves(all, titles, length) {
    const values = all.flat().filter((each) => each !== null)
    if (!values.length) return []
    const [low, high] = [Math.min(...values), Math.max(...values)]
    const svg = (tag, properties) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", tag)
      for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value)
      return made
    }
    const picture = svg("svg", { viewBox: "0 0 1000 150", preserveAspectRatio: "none" })
    all.forEach((curve, i) => {
      const points = curve.map((value, at) => {
        const x = (1000 * at) / Math.max(1, curve.length - 1)
        return `${x.toFixed(1)},${(145 - (140 * (value - low)) / (high - low || 1)).toFixed(1)}`
      })
      picture.append(
        svg("polyline", { points: points.join(" "), fill: "none", stroke: LINES[i % 4], "vector-effect": "non-scaling-stroke", "stroke-width": 1.6 }),
      )
    })
    const said = (value) => Number(value.toPrecision(4)).toLocaleString("en")
    const unit = this.data.pixel_um ? "\u00b5m" : "px"
    const words = titles.map((title, i) => {
      const sample = make("i")
      sample.style.background = LINES[i % 4]
      return make("span", {}, sample, title)
    })
    words.push(make("span", { textContent: `grey values ${said(low)} to ${said(high)} over ${said(length)} ${unit}` }))
    return [picture, make("div", { className: "legend" }, ...words)]
  }
}

export default function (component) {
  const root = component.parentElement.querySelector(".microscope")
  if (!component.data.panes) {
    viewerLibrary().catch(() => {}) // it will be asked for again, and then say why it does not come
    return
  }
  if (!shown.has(root)) shown.set(root, new Microscope(root, component))
  shown.get(root).show(component)
  return () => shown.get(root)?.close()
}
