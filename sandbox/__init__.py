"""A payment gateway to develop and test against: real HTTP, real signatures, its own record.

It speaks WeChat Pay v3, the mini-program's server API and Alipay's OpenAPI as the real gateways do,
so that the product runs the same signing, decrypting and retrying code as in production. It shares
no code, database or number generator with the product.
"""
