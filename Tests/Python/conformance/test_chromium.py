"""Chromium: fetch from a page, and the server's own pages."""

import json
import subprocess
import unittest
import urllib.request

from conformance import server
from conformance.devtools import Chromium
from support.server import Server


class Browser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.chromium = Chromium()
        cls.addClassCleanup(cls.chromium.close)

    def test_fetch(self):
        """fetch stores, reads, checks and deletes a value."""
        self.chromium.open(server.URL + "/health/live")
        result = self.chromium.run(
            """
            const path = '/kv/chromium/' + encodeURIComponent('a key/ü');
            const bytes = new Uint8Array(256).map((_, index) => index);
            const put = await fetch(path, { method: 'PUT', body: bytes });
            const get = await fetch(path);
            const stored = new Uint8Array(await get.arrayBuffer());
            const again = await fetch(path, {
              method: 'PUT', body: 'x', headers: { 'If-Match': put.headers.get('ETag') } });
            const head = await fetch(path, { method: 'HEAD' });
            const gone = await fetch(path, { method: 'DELETE' });
            const missing = await fetch(path);
            return {
              put: put.status, same: stored.every((byte, index) => byte === index),
              size: stored.length, again: again.status, head: head.headers.get('Content-Length'),
              gone: gone.status, missing: (await missing.json()).status };
            """
        )
        expected = {"put": 201, "same": True, "size": 256, "again": 200, "head": "1"}
        self.assertEqual(result, {**expected, "gone": 204, "missing": 404})

    def test_keep_alive(self):
        """Requests of a page, one after the other, share a connection."""
        self.chromium.open(server.URL + "/health/live")
        self.chromium.events.clear()
        self.chromium.run(
            """
            for (let number = 0; number < 20; number++) {
              const answer = await fetch('/health/live', { cache: 'no-store' });
              await answer.text();
            }
            """
        )
        answers = self.chromium.responses()
        self.assertEqual(len(answers), 20)
        self.assertEqual(len({answer["connectionId"] for answer in answers}), 1)

    def test_parallel(self):
        """A hundred requests at once are all answered."""
        self.chromium.open(server.URL + "/health/live")
        are_same = self.chromium.run(
            """
            const paths = Array.from({ length: 100 }, (_, number) => '/kv/chromium/p/' + number);
            const puts = paths.map((path) => fetch(path, { method: 'PUT', body: path }));
            await Promise.all(puts);
            const answers = await Promise.all(paths.map((path) => fetch(path)));
            const texts = await Promise.all(answers.map((answer) => answer.text()));
            return texts.every((text, number) => text === paths[number]);
            """
        )
        self.assertTrue(are_same)

    def test_event_source(self):
        """EventSource follows changes, and goes on where it was when it connects again."""
        self.chromium.open(server.URL + "/health/live")
        seen = self.chromium.run(
            """
            const path = '/kv/chromium/events/';
            const put = (name) => fetch(path + name, { method: 'PUT', body: name });
            const follow = (url) => new Promise((resolve, reject) => {
              const source = new EventSource(url);
              source.onerror = () => reject(new Error('state ' + source.readyState));
              source.onopen = () => resolve(source);
            });
            const next = (source, kind) => new Promise((resolve) => {
              source.addEventListener(kind, resolve, { once: true });
            });
            const url = '/watch?prefix=chromium/events/&values=true';
            const first = await follow(url);
            const added = next(first, 'put');
            await put('a');
            const event = await added;
            first.close();
            await put('b');
            const second = await follow(url + '&after=' + event.lastEventId);
            const later = JSON.parse((await next(second, 'put')).data);
            const gone = next(second, 'delete');
            await fetch(path + 'a', { method: 'DELETE' });
            const deleted = JSON.parse((await gone).data);
            second.close();
            return [JSON.parse(event.data).value, later.value, deleted.key];
            """
        )
        self.assertEqual(seen, ["a", "b", "chromium/events/a"])

    def test_docs(self):
        """The reference page shows every path and loads nothing from elsewhere."""
        requests = self.chromium.open(server.URL + "/docs")
        text = self.chromium.run("return document.body.innerText;")
        with urllib.request.urlopen(server.URL + "/openapi.json", timeout=30) as answer:
            paths = json.load(answer)["paths"]
        self.assertEqual([path for path in paths if path not in text], [])
        outside = [url for url in requests if not url.startswith((server.URL, "data:"))]
        self.assertEqual(outside, [])

    FORM = """
        const form = document.querySelector('form[data-method=%s][data-path="%s"]');
        form.closest('details').open = true;
        const answered = (name) => form.querySelector('.answer-' + name).textContent;
        const fill = (name, value) => {
          const input = form.querySelector(name.startsWith('[') ? name : `[name="${name}"]`);
          input.value = value;
          input.dispatchEvent(new Event('input', { bubbles: true }));
        };
        const send = async () => {
          form.querySelector('button').click();
          while (form.querySelector('button').disabled) await new Promise(requestAnimationFrame);
        };
        """

    def form(self, method, path, script):
        """Runs a script in a form of the reference page."""
        return self.chromium.run(self.FORM % (method, path) + script)

    def test_forms(self):
        """A form of the reference page sends its request, and shows it as a command that does the
        same, and the answer as text, whatever it is."""
        self.chromium.open(server.URL + "/docs")
        key = json.dumps("chromium/a'b c/ü?&#%")
        markup = """<img src=x onerror="document.title = 'ran'"> \\ ü"""
        put = f"""
            fill('key', {key});
            fill('ttl', '60');
            fill('[data-body]', {json.dumps(markup)});
            await send();
            return [answered('status'), form.querySelector('.command').textContent];
            """
        status, command = self.form("PUT", "/kv/{key}", put)
        self.assertEqual(status, "201 Created")
        shell = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True
        )
        self.assertIn("HTTP/1.1 200 OK", shell.stdout)
        get = f"""
            fill('key', {key});
            await send();
            return ['status', 'fields', 'body'].map(answered);
            """
        status, fields, body = self.form("GET", "/kv/{key}", get)
        self.assertEqual((status, body), ("200 OK", markup))
        self.assertIn("content-type: text/plain", fields)
        self.assertEqual(self.chromium.run("return document.images.length;"), 0)

    def test_forms_refuse(self):
        """A form says what is missing, and what a browser can't send; no answer is one too."""
        self.chromium.open(server.URL + "/docs")
        path = "GET", "/kv/{key}"
        command = "return form.querySelector('.command').textContent;"
        self.assertEqual(
            self.form(*path, "fill('key', ''); await send();" + command), "Give a value for key."
        )
        status = "await send(); return answered('status');"
        self.assertIn("Use the command", self.form(*path, "fill('key', '..');" + status))
        self.assertEqual(
            self.form(*path, "fill('key', 'chromium/../none');" + status), "404 Not Found"
        )
        self.assertIn("No answer:", self.form(*path, "fill('If-Match', 'ü→');" + status))

    def test_forms_show_streams(self):
        """A stream is shown as it comes, its end only if it is long, until it is stopped."""
        self.chromium.open(server.URL + "/docs")
        shown = self.form(
            "GET",
            "/health",
            """
            let push;
            window.fetch = async (url, { signal }) => new Response(new ReadableStream({
              start(controller) {
                push = (text) => controller.enqueue(new TextEncoder().encode(text));
                signal.addEventListener('abort', () => controller.error(new Error('aborted')));
              } }), { headers: { 'Content-Type': 'text/event-stream' } });
            const until = async (isTrue) => {
              while (!isTrue()) await new Promise(requestAnimationFrame);
            };
            const [sendButton, stopButton] = form.querySelectorAll('button');
            sendButton.click();
            await until(() => push);
            push('id: 1');
            await until(() => answered('body').includes('id: 1'));
            push('x'.repeat(100_000) + 'id: 2');
            await until(() => answered('body').includes('id: 2'));
            const shown = [answered('body').length, stopButton.hidden];
            stopButton.click();
            await until(() => !sendButton.disabled);
            return [...shown, answered('status'), stopButton.hidden];
            """,
        )
        self.assertEqual(shown, [100_000, False, "200  Stopped.", True])

    def test_docs_from_console(self):
        """Where tokens are needed, the console opens the reference page from a blob; its forms work
        there too."""
        self.chromium.open(server.URL + "/")
        self.chromium.events.clear()
        self.chromium.run(
            """
            sessionStorage.setItem('kv-token', 'secret');
            const docs = await fetch('/docs');
            location = URL.createObjectURL(await docs.blob());
            """
        )
        self.chromium.loaded()
        script = "await send(); return [answered('status'), answered('body')];"
        status, body = self.form("GET", "/whoami", script)
        self.assertEqual(status, "200 OK")
        self.assertEqual(json.loads(body)["scopes"], ["read", "write", "admin"])
        command = self.form("GET", "/whoami", "return form.querySelector('.command').textContent;")
        self.assertIn('-H "Authorization: Bearer $KV_TOKEN"', command)
        self.assertNotIn("secret", command)

    CROSS_ORIGIN = """
        const key = '%s/kv/chromium/cross-origin';
        const send = async (method, headers, body) => {
          try {
            const answer = await fetch(key, { method, headers, body });
            return [answer.status, answer.headers.has('ETag'), answer.headers.has('X-Request-Id')];
          } catch (error) {
            return error.name;
          }
        };
        return [
          await send('PUT', { 'If-None-Match': '*', 'Idempotency-Key': 'a' }, 'x'),
          await send('GET', { 'Cache-Control': 'no-cache', traceparent: 'x' }),
          await send('PUT', { 'If-None-Match': '*' }, 'y'),
          await send('DELETE', { Authorization: 'Bearer x' }),
          await send('GET', {}),
        ];
        """

    def test_pages_of_other_origins(self):
        """A page of a listed origin uses the API and reads its answers; another one can't."""
        with Server(KV_CORS_ORIGINS=server.URL) as api:
            script = self.CROSS_ORIGIN % api.url
            self.chromium.open(server.URL + "/health/live")
            self.assertEqual(
                self.chromium.run(script),
                [
                    [201, True, True],
                    [200, True, True],
                    [412, True, True],
                    [204, False, True],
                    [404, False, True],
                ],
            )
            # The same server, but another origin.
            self.chromium.open(server.URL.replace("127.0.0.1", "localhost") + "/health/live")
            self.assertEqual(self.chromium.run(script), ["TypeError"] * 5)

    def test_stored_page(self):
        """A stored HTML page can't run its script."""
        self.chromium.open(server.URL + "/health/live")
        path = self.chromium.run(
            """
            const body = '<title>still</title><script>document.title = "ran"</script>';
            await fetch('/kv/chromium/page', {
              method: 'PUT', body, headers: { 'Content-Type': 'text/html' } });
            return '/kv/chromium/page';
            """
        )
        self.chromium.open(server.URL + path)
        self.assertEqual(self.chromium.run("return document.title;"), "still")
