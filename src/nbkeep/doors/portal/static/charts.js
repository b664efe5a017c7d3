// Draws each chart from the table below it: page, CSV and chart have the very same numbers. Without scripts the
// tables are all there is.
"use strict";

(() => {
  const style = () => getComputedStyle(document.documentElement);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });
  const small = new Intl.NumberFormat("en", { maximumSignificantDigits: 2 });
  const tick = (value) => (Math.abs(value) >= 1 || !value ? compact : small).format(value);
  const SERIES = 6;
  const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3], [4, 4], [1, 4]];
  const POINTS = ["circle", "rectRot", "triangle", "rect", "star", "crossRot"];
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

  function read(figure) {
    const rows = [...figure.querySelectorAll("tbody tr")];
    const names = [...figure.querySelectorAll("thead th")].slice(1).map((one) => one.textContent);
    const cells = rows.map((row) => [...row.querySelectorAll("td")]);
    return {
      labels: rows.map((row) => row.querySelector("th").textContent),
      series: names.map((name, place) => ({
        name,
        values: cells.map((row) => (row[place].dataset.value === "" ? null : Number(row[place].dataset.value))),
        words: cells.map((row) => row[place].textContent),
      })),
    };
  }

  // 2026-11-03 is the 3rd on an axis of one month; anything else is cut where it would take the chart's place.
  function short(label) {
    const day = /^\d{4}-(\d\d)-(\d\d)$/.exec(label);
    if (day) return `${Number(day[2])} ${MONTHS[Number(day[1]) - 1]}`;
    return label.length > 22 ? `${label.slice(0, 21)}…` : label;
  }

  function colours() {
    const now = style();
    const of = (name) => now.getPropertyValue(name).trim();
    return {
      series: Array.from({ length: SERIES }, (_, place) => of(`--chart-${place + 1}`)),
      ink: of("--ink"),
      soft: of("--ink-soft"),
      line: of("--line"),
      surface: of("--surface"),
    };
  }

  function paint(chart, type) {
    const { series, ink, soft, line, surface } = colours();
    const isLine = type === "line";
    chart.data.datasets.forEach((one, place) => {
      const colour = series[place % SERIES];
      one.backgroundColor = colour;
      one.borderColor = isLine ? colour : surface;
      one.pointBorderColor = colour;
      one.pointBackgroundColor = surface;
    });
    for (const scale of Object.values(chart.options.scales)) {
      scale.ticks.color = soft;
      scale.grid.color = line;
      scale.border.color = line;
    }
    const { legend, tooltip } = chart.options.plugins;
    legend.labels.color = ink;
    Object.assign(tooltip, { backgroundColor: ink, titleColor: surface, bodyColor: surface, footerColor: surface });
  }

  function draw(figure) {
    const shape = figure.dataset.chart;
    const { labels, series } = read(figure);
    const box = figure.querySelector(".chart-box");
    const isRanking = shape === "ranking" || shape === "bars"; // names are read beside their bars
    const type = shape === "lines" ? "line" : "bar";
    const isStacked = shape === "stacked";
    box.hidden = false;
    if (isRanking) box.style.height = `${(series.length > 1 ? 5.5 : 3.2) + labels.length * (1 + 0.9 * series.length)}rem`;
    const whole = series.every((one) => one.values.every((value) => value === null || Number.isInteger(value)));
    const amounts = {
      stacked: isStacked,
      beginAtZero: true,
      grid: {},
      border: { display: false },
      ticks: { maxTicksLimit: 6, callback: tick, ...(whole ? { precision: 0 } : {}) },
    };
    const names = {
      stacked: isStacked,
      grid: { display: false },
      border: {},
      ticks: {
        autoSkip: !isRanking,
        maxRotation: 0,
        autoSkipPadding: 12,
        callback: (_, place) => short(labels[place]),
      },
    };
    const config = {
      type,
      data: {
        labels,
        datasets: series.map((one, place) => ({
          label: one.name,
          data: one.values,
          words: one.words,
          borderWidth: type === "line" ? 2 : isStacked ? 1 : 0,
          borderDash: type === "line" ? DASHES[place % SERIES] : [],
          pointStyle: POINTS[place % SERIES],
          pointRadius: labels.length > 15 ? 2.5 : 4,
          borderRadius: 2,
          maxBarThickness: 36,
          spanGaps: true,
          tension: 0,
        })),
      },
      options: {
        animation: false, // a dashboard is looked at again and again; and nobody has to ask for less motion
        responsive: true,
        maintainAspectRatio: false,
        indexAxis: isRanking ? "y" : "x",
        interaction: { mode: "index", intersect: false, axis: isRanking ? "y" : "x" },
        scales: isRanking ? { x: amounts, y: names } : { x: names, y: amounts },
        plugins: {
          colors: { enabled: false },
          legend: {
            display: series.length > 1,
            position: "bottom",
            labels: { usePointStyle: type === "line", boxWidth: 14, boxHeight: type === "line" ? 8 : 12, padding: 14 },
          },
          tooltip: {
            callbacks: {
              title: (items) => labels[items[0].dataIndex],
              label: (item) => `${item.dataset.label}: ${item.dataset.words[item.dataIndex]}`,
            },
          },
        },
      },
    };
    paint(config, type);
    const chart = new Chart(figure.querySelector("canvas"), config);
    figure.dataset.drawn = "";
    return { chart, type };
  }

  const charts = [...document.querySelectorAll("figure[data-chart]")].map((figure) => {
    const drawn = draw(figure);
    // Open for those without scripts; the others have the picture first.
    figure.querySelector("details").open = false;
    return drawn;
  });

  function repaint() {
    for (const { chart, type } of charts) {
      paint(chart, type);
      chart.update("none");
    }
  }
  new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  dark.addEventListener("change", repaint);
})();
