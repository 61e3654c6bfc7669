"use strict";
(() => {
  const plots = [...document.querySelectorAll(".plot")];
  const wanted = matchMedia("(prefers-color-scheme: dark)");

  // colors of axes and text are those of the page
  const colors = () => {
    const style = getComputedStyle(document.documentElement);
    return Object.fromEntries(["ink", "grid", "tint", "line"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  };
  const themed = (layout, color = colors()) => {
    const change = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", "font.color": color.ink,
      "hoverlabel.bgcolor": color.tint, "hoverlabel.bordercolor": color.line, "hoverlabel.font.color": color.ink,
      "modebar.bgcolor": "rgba(0,0,0,0)", "modebar.color": color.ink,
    };
    for (const name of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
      change[`${name}.gridcolor`] = color.grid;
      change[`${name}.zerolinecolor`] = color.grid;
      change[`${name}.linecolor`] = color.line;
    }
    return change;
  };

  const recolored = (plot, color = colors()) => {
    const texts = plot.data.flatMap((trace, number) => (trace.texttemplate ? [number] : []));
    const style = texts.length ? { "textfont.color": color.ink } : {};
    return Plotly.update(plot, style, themed(plot.layout, color), texts.length ? texts : undefined);
  };

  const draw = async (plot) => {
    if (plot.drawn) return plot.drawn;
    const figure = JSON.parse(plot.nextElementSibling.textContent);
    const layout = { ...figure.layout, autosize: true, font: { size: 12, family: "system-ui, sans-serif" } };
    const config = { responsive: true, displaylogo: false, displayModeBar: "hover", scrollZoom: false };
    plot.drawn = Plotly.newPlot(plot, figure.data, layout, config).then(() => recolored(plot));
    return plot.drawn;
  };
  const shown = () => plots.filter((plot) => plot.offsetParent !== null);
  const recolor = (color) => Promise.all(plots.filter((plot) => plot.drawn).map((plot) => recolored(plot, color)));

  wanted.addEventListener("change", () => recolor());
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((each) => { each.open = true; });
    drawShown();
    recolor({ ink: "#000", grid: "#ddd", tint: "#f4f4f4", line: "#bbb" });
  });
  addEventListener("afterprint", () => recolor());

  // tables: a heading is a button, and sorts by numbers or texts; what has no value stays at the end
  const value = (row, column) => {
    const text = row.cells[column].dataset.value;
    const number = Number(text);
    return text === "" || text === "nan" ? null : Number.isNaN(number) ? text : number;
  };
  const compare = (left, right) => (typeof left === "number" && typeof right === "number" ? left - right : String(left).localeCompare(String(right)));
  for (const table of document.querySelectorAll("table.sortable")) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
      const rising = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((each) => each.setAttribute("aria-sort", "none"));
      heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((left, right) => {
        const [first, second] = [value(left, column), value(right, column)];
        if (first === null || second === null) return Number(first === null) - Number(second === null);
        return rising ? compare(first, second) : compare(second, first);
      });
      table.tBodies[0].append(...rows);
    }));
  }

  // rasters: the slider moves the window of time, and reads the spikes at the cursor
  for (const group of document.querySelectorAll(".rasters")) {
    const [choice, span, slider, moment] = [".choice", ".window", ".time", ".moment"].map((name) => group.querySelector(name));
    const rasters = [...group.querySelectorAll(".raster")];
    const spikes = rasters.map((each) => JSON.parse(each.querySelector(".spikes").textContent));
    const current = () => rasters[Number(choice.value)];
    const update = async () => {
      const raster = current(), plot = raster.querySelector(".plot");
      const step = Number(raster.dataset.step), duration = Number(raster.dataset.duration);
      const time = Number(slider.value), width = Math.min(Number(span.value) || duration, duration);
      const first = Math.min(Math.max(time - width / 2, 0), duration - width);
      const counts = Object.entries(spikes[rasters.indexOf(raster)]).map(([name, each]) => `${name} ${each[Math.round(time / step)] ?? 0}`);
      moment.textContent = `${time.toFixed(step < 1 ? 2 : 0)} ms: ${counts.join(", ")} spikes`;
      slider.setAttribute("aria-valuetext", moment.textContent);
      await draw(plot);
      const change = { shapes: [{ type: "line", x0: time, x1: time, y0: 0, y1: 1, yref: "paper", line: { color: "#d1495b", width: 1.5 } }] };
      for (const name of Object.keys(plot.layout).filter((key) => /^xaxis\d*$/.test(key))) change[`${name}.range`] = [first - step / 2, first + width - step / 2];
      await Plotly.relayout(plot, change);
    };
    const choose = () => {
      rasters.forEach((each) => { each.hidden = each !== current(); });
      slider.max = Number(current().dataset.duration) - Number(current().dataset.step);
      slider.step = current().dataset.step;
      update();
    };
    choice.addEventListener("change", choose);
    span.addEventListener("change", update);
    slider.addEventListener("input", update);
    choose();
  }

  // figures are drawn as they come into view, so that a phone is not busy with all of them at once; before printing, all
  const drawShown = () => Promise.all(shown().map(draw));
  if (typeof IntersectionObserver === "function") {
    const observer = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)), { rootMargin: "400px" });
    plots.forEach((plot) => observer.observe(plot));
  } else {
    drawShown();
  }
  document.querySelectorAll("details").forEach((each) => each.addEventListener("toggle", drawShown));
  document.documentElement.dataset.ready = "true";
})();
