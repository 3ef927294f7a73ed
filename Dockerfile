# syntax=docker/dockerfile:1
# The daemon in an image that holds the program, the libraries it is linked to, the root certificates
# and an empty folder for a lake: no shell, no package manager, no root.
#
#   docker build --tag bronzed .
#   docker run --read-only --volume bronzed-lake:/lake --publish 127.0.0.1:8080:8080 bronzed

FROM rust:1.95-bookworm AS build
WORKDIR /src
# jemalloc is compiled by `make`, which this image has. On aarch64 for pages of 64 KiB, since one that was built for smaller ones
# doesn't start on a kernel that has these.
ENV AARCH64_UNKNOWN_LINUX_GNU_JEMALLOC_SYS_WITH_LG_PAGE=16

# The dependencies alone, in a layer of their own: it is made anew when they change, not with each
# line of ours. Cargo wants every target that its manifest names to be there.
COPY Cargo.toml Cargo.lock ./
COPY crates/allocator/Cargo.toml crates/allocator/
COPY crates/config/Cargo.toml crates/config/
COPY crates/dst/Cargo.toml crates/dst/
COPY crates/engine/Cargo.toml crates/engine/
COPY crates/metrics/Cargo.toml crates/metrics/
COPY crates/model/Cargo.toml crates/model/
COPY crates/simulator/Cargo.toml crates/simulator/
COPY crates/source/Cargo.toml crates/source/
COPY crates/storage/Cargo.toml crates/storage/
COPY crates/tables/Cargo.toml crates/tables/
RUN mkdir -p src benches/micro tests/it \
    && for crate in crates/*; do mkdir "$crate/src" && touch "$crate/src/lib.rs"; done \
    && echo 'fn main() {}' | tee src/main.rs crates/simulator/src/main.rs benches/micro/main.rs tests/it/main.rs > src/lib.rs \
    && cargo build --locked --profile dist --no-default-features --features delta,jemalloc --bin bronzed \
    && rm -r src benches tests crates/*/src

COPY src src
COPY crates crates
COPY config config
COPY benches benches
COPY tests/it tests/it
# The sources of a copied layer may be older than what was built of the empty ones.
RUN touch src/main.rs src/lib.rs crates/*/src/lib.rs \
    && cargo build --locked --profile dist --no-default-features --features delta,jemalloc --bin bronzed
COPY deploy/container/rootfs.sh deploy/container/rootfs.sh
RUN bash deploy/container/rootfs.sh target/dist/bronzed /rootfs

FROM scratch
COPY --from=build /rootfs/ /
COPY --from=build --chown=65532:65532 /rootfs/lake/ /lake/

USER 65532:65532
WORKDIR /
ENV BRONZED__LAKE__URL=file:///lake \
    BRONZED__SERVER__LISTEN=0.0.0.0:8080 \
    BRONZED__TELEMETRY__FORMAT=json
VOLUME ["/lake"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["/bronzed", "healthcheck"]
ENTRYPOINT ["/bronzed"]
CMD ["daemon"]
