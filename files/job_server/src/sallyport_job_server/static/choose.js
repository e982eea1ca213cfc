"use strict";
// Helps to choose among many actions, and shows what would run while they are chosen.
(() => {
  const choice = document.getElementById("choice");
  const plan = document.getElementById("plan");
  if (!choice || !plan) return;
  const form = choice.closest("form");
  const filter = document.getElementById("filter");
  const counted = document.getElementById("filter-count");
  const labels = [...choice.querySelectorAll(".stage label.choice")];
  const texts = labels.map((one) => one.textContent.toLowerCase());
  const patience = 300;
  let timer = null;
  let latest = 0;

  document.body.classList.add("scripted");

  function find() {
    const wanted = filter.value.trim().toLowerCase();
    let shown = 0;
    labels.forEach((one, number) => {
      one.hidden = wanted !== "" && !texts[number].includes(wanted);
      shown += one.hidden ? 0 : 1;
    });
    for (const stage of choice.querySelectorAll(".stage")) {
      stage.hidden = !stage.querySelector("label.choice:not([hidden])");
    }
    counted.textContent = wanted ? `${shown} of ${labels.length} shown` : "";
  }

  async function ask() {
    latest += 1;
    const mine = latest;
    const answer = await fetch(plan.dataset.source, { method: "POST", body: new FormData(form), credentials: "same-origin", redirect: "manual" });
    if (mine !== latest) return;
    if (answer.ok) plan.innerHTML = await answer.text();
    else plan.textContent = "What will run cannot be shown now. Submitting tells what is wrong.";
  }

  function renew() {
    clearTimeout(timer);
    timer = setTimeout(ask, patience);
  }

  filter.addEventListener("input", find);
  // Return in the search field looks; it does not submit a job request.
  filter.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
  form.addEventListener("change", (event) => { if (event.target !== filter && event.target.name !== "note") renew(); });
  choice.addEventListener("click", (event) => {
    if (!("stage" in event.target.dataset)) return;
    for (const one of event.target.closest(".stage").querySelectorAll("label.choice:not([hidden]) input")) one.checked = true;
    renew();
  });
  if (form.querySelector("input[name=actions]:checked")) renew();
})();
