// The pictures in the box. Gradio keeps them; here they are told, put in and taken out.

const inBox = () => [...document.querySelectorAll("#vidi-query .thumbnail-item")];

// Where each can be read for an hour; empty of what the browser can't show, which is searched with all the same.
export const pictures = () => inBox().map((shown) => shown.querySelector("img")?.src ?? "");

const fileAt = async (address) => {
  try {
    const answer = await fetch(address);
    if (!answer.ok) return null;
    const content = await answer.blob();
    return new File([content], decodeURIComponent(new URL(address).pathname.split("/").at(-1)), { type: content.type });
  } catch {
    return null;
  }
};

// Has those of an earlier step in the box, and no others; how many there will be: some may be gone by now.
export const putIn = async (addresses) => {
  const kept = new Set(addresses);
  for (const shown of inBox().reverse()) {
    if (!kept.delete(shown.querySelector("img")?.src)) shown.querySelector(".delete-button")?.click();
  }
  const here = addresses.length - kept.size;
  const files = (await Promise.all([...kept].filter(Boolean).map(fileAt))).filter(Boolean);
  const field = document.querySelector("#vidi-query input[type=file]");
  if (!files.length || !field) return here;
  const chosen = new DataTransfer();
  for (const file of files) chosen.items.add(file);
  field.files = chosen.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
  return here + files.length;
};
