"""A day of contratações in the shape of PNCP's answers, made beforehand, so that serving it costs next to nothing.

The records are those that the API returned (`tests/fixtures`), with ids of their own and a text that makes each 2.4 KB.
All are of modality 6; the other modalities answer 204. `--latency` is waited before each answer. From 50,000 on the texts come again, with
other ids, so that a day of a million records fits into memory.

    server.py --records 20000 --latency 0       prints its base URL, and serves until it is ended
"""

import argparse
import asyncio
import json
import random
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECORDED = ROOT / "tests/fixtures/pncp/contratacoes_modalidade4_sc.envelope.json"
PAGE = 50
RECORD_BYTES = 2_400
PREPARED = 50_000
ID = re.compile(rb"82777301000190-1-(\d{7})/2025")
EMPTY = b"HTTP/1.1 204 No Content\r\nDate: %s\r\n\r\n"


def bodies(records):
    """Returns the body of each page."""
    recorded = json.loads(RECORDED.read_text())["data"]
    chance = random.Random(1)
    words = [word for word in re.split(r'[\s"\\]+', RECORDED.read_text()) if word]
    total = -(-records // PAGE)
    pages = []
    for first in range(0, min(records, PREPARED), PAGE):
        data = []
        for number in range(first, min(first + PAGE, records)):
            record = dict(recorded[number % len(recorded)])
            record["numeroControlePNCP"] = f"82777301000190-1-{number:07}/2025"
            record["sequencialCompra"] = number
            record["dataPublicacaoPncp"] = "2025-10-22T08:00:00"
            record["modalidadeId"] = 6
            room = RECORD_BYTES - len(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode())
            text = []
            while room > 0:
                text.append(chance.choice(words))
                room -= len(text[-1].encode()) + 1
            record["objetoCompra"] = " ".join(text)
            data.append(record)
        page = {
            "data": data,
            "totalRegistros": records,
            "totalPaginas": total,
            "numeroPagina": first // PAGE + 1,
            "paginasRestantes": total - first // PAGE - 1,
            "empty": False,
        }
        pages.append(json.dumps(page, ensure_ascii=False, separators=(",", ":")).encode())
    return pages


def body(pages, number):
    """Returns the body of a page, by the number that it is asked for by."""
    again, position = divmod(number - 1, len(pages))
    found = pages[position]
    if not again:
        return found
    return ID.sub(lambda id: b"82777301000190-1-%07d/2025" % (int(id[1]) + again * PREPARED), found)


def answer(pages, last, target):
    from email.utils import formatdate

    date = formatdate(usegmt=True).encode()
    asked = dict(pair.partition("=")[::2] for pair in target.partition("?")[2].split("&"))
    number = int(asked.get("pagina", 1))
    known = asked.get("dataInicial", "").replace("-", "") == "20251022"
    if not known or asked.get("codigoModalidadeContratacao") != "6" or number > last:
        return EMPTY % date
    found = body(pages, number)
    head = b"HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (date, len(found)) + found


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds")
    asked = parser.parse_args()
    pages = bodies(asked.records)

    async def serve(reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                target = head.split(b" ", 2)[1].decode()
                if asked.latency:
                    await asyncio.sleep(asked.latency / 1000)
                writer.write(answer(pages, -(-asked.records // PAGE), target))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/consulta", flush=True)
    await server.serve_forever()


asyncio.run(main())
