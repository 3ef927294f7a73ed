"""The floor that the network sets: every page of the day, `IN_FLIGHT` requests at a time over kept connections, each
answer read to its last byte and thrown away.

    fetch_and_discard.py BASE_URL DAY PAGES IN_FLIGHT
"""

import asyncio
import sys
from urllib.parse import urlsplit


async def connection(host, port, paths):
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
    while paths:
        path = paths.pop()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        while length:
            length -= len(await reader.read(min(length, 1 << 18)))
    writer.close()


async def main():
    base, day, pages, in_flight = sys.argv[1], sys.argv[2].replace("-", ""), int(sys.argv[3]), int(sys.argv[4])
    url = urlsplit(base)
    query = f"dataInicial={day}&dataFinal={day}&tamanhoPagina=50"
    path = f"{url.path}/v1/contratacoes/publicacao?{query}"
    first = [f"{path}&codigoModalidadeContratacao={modality}&pagina=1" for modality in range(1, 14)]
    further = [f"{path}&codigoModalidadeContratacao=6&pagina={page}" for page in range(2, pages + 1)]
    paths = further + first
    await asyncio.gather(*(connection(url.hostname, url.port, paths) for _ in range(in_flight)))


asyncio.run(main())
