"""The mini-program's server API (api.weixin.qq.com): logins, tokens, and what a token opens."""
