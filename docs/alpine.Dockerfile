# A service on Alpine. holdfast's binary for Linux needs what node:alpine has: libstdc++ and libgcc.
#
#   docker build --file docs/alpine.Dockerfile --tag holdfast-selftest . && docker run --rm holdfast-selftest
FROM node:24-alpine
WORKDIR /service
RUN npm init --yes && npm install holdfast
CMD ["npx", "holdfast", "selftest"]
