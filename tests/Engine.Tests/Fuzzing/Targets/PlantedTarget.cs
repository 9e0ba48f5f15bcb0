using Lean.Tensors;

namespace Lean.Engine.Tests.Fuzzing.Targets;

/// <summary>A reader with a fault, to see that it is found: it fails on two opening brackets in a row.</summary>
internal sealed class PlantedTarget : FuzzTarget
{
    public override string Name => "planted";

    public override IReadOnlyList<byte[]> Seeds { get; } = ["[1,2]"u8.ToArray()];

    public override IReadOnlyList<string> Words { get; } = ["]"];

    public override void Read(byte[] input)
    {
        // One past the end.
        byte last = input.AsSpan().IndexOf("[["u8) >= 0 ? input[input.Length] : (byte)0;
        if (last != 0 || !input.AsSpan().StartsWith("["u8))
        {
            throw new InputException("expected a list");
        }
    }
}
