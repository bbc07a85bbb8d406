// One rater's way through the study. Both pictures are there and decoded before a trial begins,
// so that the time they are seen is the time that was asked for.

const SMALLEST = 256; // pixels that a picture is wide at least: the paper's size
const FIXATION = 700; // milliseconds that the cross stands before the pictures
const HALF_A_FRAME = 8; // milliseconds

const by = (id) => document.getElementById(id);
const stage = by("stage");
const buttons = [by("choose-left"), by("choose-right")];
let session; // what the server said: rater, seconds
let trial; // the one at hand
let gone = null; // when its pictures were hidden; null while they may not be answered yet

async function post(path, content) {
  const reply = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  });
  const said = await reply.json();
  if (!reply.ok) throw new Error(said.error);
  return said;
}

function fail(error) {
  by("error").textContent = `It cannot go on: ${error.message}`;
  by("error").hidden = false;
}

function wait(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}

async function load(next) {
  trial = next;
  await Promise.all(
    ["left", "right"].map(async (side) => {
      const picture = by(side);
      picture.src = `pictures/${trial[side]}`;
      await picture.decode();
      picture.width = Math.max(SMALLEST, picture.naturalWidth);
    }),
  );
}

// Counted in frames: from the one that shows them to the one nearest to the time asked for.
function show(milliseconds) {
  return new Promise((done) => {
    requestAnimationFrame((start) => {
      stage.classList.add("shown");
      const look = (now) => {
        if (now - start < milliseconds - HALF_A_FRAME) return requestAnimationFrame(look);
        stage.classList.remove("shown");
        gone = performance.now();
        done();
      };
      requestAnimationFrame(look);
    });
  });
}

async function run() {
  by("said").textContent = "";
  by("said").className = "";
  by("next").hidden = true;
  by("answers").hidden = false;
  const number = trial.practice ? trial.number : trial.number - session.practice;
  by("progress").textContent = `${trial.practice ? "Practice" : "Pair"} ${number} of ${trial.of}`;
  stage.classList.add("ready");
  await wait(FIXATION);
  stage.classList.remove("ready");
  await show(1000 * session.seconds);
  by("said").textContent = "Which one was real?";
  for (const button of buttons) button.disabled = false;
}

async function choose(left) {
  if (gone === null) return;
  const answer = {
    rater: session.rater,
    trial: trial.number,
    left,
    seconds: (performance.now() - gone) / 1000,
  };
  const since = gone;
  gone = null;
  by("error").hidden = true;
  for (const button of buttons) button.disabled = true;
  let said;
  try {
    said = await post("answer", answer);
  } catch (error) { // it may be given again
    gone = since;
    for (const button of buttons) button.disabled = false;
    throw error;
  }
  const practised = trial.practice;
  if (said.trial) await load(said.trial);
  if (!practised) return said.trial ? run() : end();
  by("said").className = said.correct ? "right" : "wrong";
  const real = left === said.correct ? "left" : "right";
  by("said").textContent = `${said.correct ? "Yes" : "No"}: the ${real} one was real.`;
  by("next").textContent = !said.trial ? "Finish"
    : said.trial.practice ? "Next pair" : "Practice is over: begin";
  by("answers").hidden = true;
  by("next").hidden = false;
  by("next").onclick = () => (said.trial ? run().catch(fail) : end());
  by("next").focus();
}

function end() {
  by("progress").textContent = "";
  by("trial").hidden = true;
  by("end").hidden = false;
  by("rater").textContent = session.rater;
}

async function begin() {
  session = await post("begin", {});
  await load(session.trial);
  const { practice, trials, seconds } = session;
  by("plan").textContent =
    `There are ${practice} pairs for practice, after which you are told what was right, and then ` +
    `${trials} more, without. Each pair is shown for ${seconds} s.`;
  by("start").textContent = "Begin";
  by("start").disabled = false;
  by("start").focus();
  by("start").onclick = () => {
    by("intro").hidden = true;
    by("trial").hidden = false;
    run().catch(fail);
  };
}

by("choose-left").onclick = () => choose(true).catch(fail);
by("choose-right").onclick = () => choose(false).catch(fail);
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    event.preventDefault();
    choose(event.key === "ArrowLeft").catch(fail);
  }
});
begin().catch(fail);
