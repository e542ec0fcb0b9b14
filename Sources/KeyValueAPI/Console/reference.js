/**
 * Opens the reference page in a tab of its own.
 *
 * Where the server wants tokens, a link can't do that: a browser sends no token when it follows
 * one. So this page fetches the reference and opens what it got. A blob has the security policy of
 * the page that made it, so the policy of this page allows the reference's script and style too.
 */
export async function openReference(token) {
  if (!token) {
    window.open("/docs");
    return;
  }
  // Before the wait: a browser lets a page open tabs only for a moment after a click.
  const tab = window.open();
  const answer = await fetch("/docs", { headers: { Authorization: `Bearer ${token}` } });
  if (!answer.ok) {
    tab.close();
    throw new Error(`The reference can't be shown: ${answer.status} ${answer.statusText}`);
  }
  tab.location = URL.createObjectURL(await answer.blob());
}
