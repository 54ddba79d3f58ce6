"""The resources: one module a noun, each with a `blueprint` that webclient.app registers."""
