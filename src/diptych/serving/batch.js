// Many pictures at once: their results come as one zip file.

export function offerBatch(address, the, say) {
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
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await reply.blob());
      link.download = "translated.zip";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      say(`${count} picture${count > 1 ? "s" : ""}: done.`);
    } catch (error) {
      say(error.message, true);
    }
  });
}
