// A picture from the camera: one press shows what it sees, the next takes it.

export function offerCamera({ button, stop, video, canvas }, onPicture, onError) {
  if (!navigator.mediaDevices?.getUserMedia) return; // none, or a page without https
  button.hidden = false;

  const show = (on) => {
    video.hidden = stop.hidden = !on;
    canvas.hidden = on;
    button.textContent = on ? "Take the picture" : "Camera";
  };
  const end = () => {
    for (const track of video.srcObject.getTracks()) track.stop();
    video.srcObject = null;
    show(false);
  };
  button.addEventListener("click", async () => {
    button.disabled = true; // until there is something to see, or the visitor has refused
    try {
      if (video.srcObject) {
        const picture = await createImageBitmap(video);
        end();
        onPicture(picture);
      } else {
        const wanted = { video: { facingMode: "environment" } };
        video.srcObject = await navigator.mediaDevices.getUserMedia(wanted);
        show(true);
        await video.play();
      }
    } catch (error) {
      onError(`No picture from the camera: ${error.message}`);
    } finally {
      button.disabled = false;
    }
  });
  stop.addEventListener("click", end);
}
