# syntax=docker/dockerfile:1
# A small image: the static binary, certificates, and a user without privileges. Build it with
#
#   docker build --tag runner .
#
# and run it in a project's directory with
#
#   docker run --rm --volume "$PWD:/project" runner status

# The version of `rust-toolchain.toml`; the target of this image is musl, so that binaries are static.
FROM rust:1.95.0-alpine AS build
# The toolchain that is there: `rust-toolchain.toml` would add components that only development needs.
ENV RUSTUP_TOOLCHAIN=1.95.0
RUN apk add --no-cache ca-certificates musl-dev pkgconf
WORKDIR /runner
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/runner/target \
    cargo build --profile dist --locked --package runner --bin runner \
    && install -m 755 target/dist/runner /usr/local/bin/runner
# No shared library may be needed where there is none.
RUN ! readelf -d /usr/local/bin/runner | grep NEEDED
# What the image has besides: a name for the user, and directories that it can write to.
RUN mkdir -p /image/etc /image/project /image/cache \
    && echo 'runner:x:65532:65532::/project:/sbin/nologin' > /image/etc/passwd \
    && echo 'runner:x:65532:' > /image/etc/group \
    && chown 65532:65532 /image/project /image/cache \
    && mkdir -m 1777 /image/tmp

FROM scratch
COPY --from=build /image/ /
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/local/bin/runner /usr/local/bin/runner
USER 65532:65532
# Compiled components.
ENV XDG_CACHE_HOME=/cache
WORKDIR /project
ENTRYPOINT ["/usr/local/bin/runner"]
CMD ["--help"]
