"""Opening fields that a merchant encrypted for the platform."""

from sandbox import keys
from sandbox.accounts import Account
from sandbox.wechat.errors import ApiError


def opened(account: Account, ciphertext: str, field: str) -> str:
    """Open a field encrypted with any of the platform's keys. Raises ApiError PARAM_ERROR."""
    for key in account.platform_keys.values():
        try:
            return keys.decrypt_oaep(key, ciphertext)
        except ValueError:
            continue
    raise ApiError("PARAM_ERROR", f"参数错误：{field} 解密失败")
