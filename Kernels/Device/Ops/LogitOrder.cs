using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// Logits as whole numbers in their order, so that neither rounding nor how a device treats the smallest floats decides
/// which of two comes first. Zeros of both signs are one number.
/// </summary>
public static class LogitOrder
{
    /// <summary>What −∞, a banned token, becomes: nothing but a fault lies below.</summary>
    public const uint Banned = 0x007fffffu;

    private const uint Infinite = 0xff800000u;
    private const uint Sign = 0x80000000u;

    /// <summary>The number of a logit.</summary>
    public static uint Key(float x)
    {
        uint bits = Interop.FloatAsInt(x);
        bits = bits == Sign ? 0 : bits;
        return (bits & Sign) != 0 ? ~bits : bits | Sign;
    }

    /// <summary>The logit of a number.</summary>
    public static float Logit(uint key) => Interop.IntAsFloat((key & Sign) != 0 ? key ^ Sign : ~key);

    /// <summary>Whether the logit is NaN or +∞.</summary>
    public static bool IsFault(uint key) => key is >= Infinite or < Banned;
}
