// Many pictures at once: their results come as one zip file.

export function offerBatch(address, the, say, save) {
  the("many").addEventListener("change", async ({ target }) => {
    const form = new FormData();
    for (const file of target.files) form.append("pictures", file);
    const count = target.files.length;
    target.value = "";
    if (!count) return;
    say(`Translating ${count} picture${count > 1 ? "s" : ""} …`);
    try {
      const reply = await fetch(address, { method: "POST", body: form });
      if (!reply.ok) throw new Error((await reply.json()).error);
      save(await reply.blob(), "translated.zip");
      say(`${count} picture${count > 1 ? "s" : ""}: done.`);
    } catch (error) {
      say(error.message, true);
    }
  });
}
