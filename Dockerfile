# Image with one static binary and the CA certificates, for linux/amd64 and linux/arm64.
#
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg REVISION=$(git rev-parse --short HEAD) .
#
# From prebuilt binaries in dist/<architecture>/guardduty-slack and CA certificates in dist/ca-certificates.crt:
#
#   docker build --target prebuilt .
FROM scratch AS image
USER 65532:65532
ENTRYPOINT ["/guardduty-slack"]

FROM image AS prebuilt
ARG TARGETARCH
COPY dist/${TARGETARCH}/guardduty-slack /guardduty-slack
COPY dist/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt

# The compiler runs on the architecture of the builder and cross-compiles.
FROM --platform=$BUILDPLATFORM docker.io/library/rust:1.95.0-slim-bookworm AS source
# Debian removes replaced versions from its archive: pinned packages would break the build.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates musl-tools gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
 && rm -rf /var/lib/apt/lists/* \
 && rustup target add x86_64-unknown-linux-musl aarch64-unknown-linux-musl
WORKDIR /source
COPY . .
ARG TARGETARCH
ARG REVISION=
# use the toolchain of the image (the version in rust-toolchain.toml) without additional components
ENV RUSTUP_TOOLCHAIN=1.95.0 \
    CC_aarch64_unknown_linux_musl=aarch64-linux-gnu-gcc \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld
RUN case "$TARGETARCH" in \
      amd64) target=x86_64-unknown-linux-musl ;; \
      arm64) target=aarch64-unknown-linux-musl ;; \
      *) echo "unsupported architecture: $TARGETARCH" >&2; exit 1 ;; \
    esac \
 && cargo build --no-default-features --profile dist --locked --bin guardduty-slack --target "$target" \
 && mkdir --parents /image/etc/ssl/certs \
 && cp "target/$target/dist/guardduty-slack" /image/ \
 && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/

FROM image
COPY --from=source /image/ /
