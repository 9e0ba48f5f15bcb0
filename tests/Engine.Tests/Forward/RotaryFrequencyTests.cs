using Lean.Engine.Models;
using Lean.Tensors;

namespace Lean.Engine.Tests.Forward;

public sealed class RotaryFrequencyTests
{
    [Fact]
    public void The_default_falls_from_one_by_powers_of_theta()
    {
        float[] found = RotaryFrequencies.Of(new RopeConfig { Theta = 1e7, RotaryDim = 8 }, cast: false);
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(Math.Pow(1e7, -i / 4.0), found[i], 1e-7 * Math.Pow(1e7, -i / 4.0) * 2);
        }
    }

    [Fact]
    public void Yarn_keeps_fast_dimensions_divides_slow_ones_and_ramps_between()
    {
        var yarn = new YarnConfig { Factor = 4, OriginalMaxPositions = 32768, AttentionFactor = 1.1386 };
        var rope = new RopeConfig { Theta = 1e6, RotaryDim = 64 };
        float[] plain = RotaryFrequencies.Of(rope, cast: false), found = RotaryFrequencies.Of(rope with { Yarn = yarn }, cast: false);

        // Rotations within the original context: above 32 nothing changes, below 1 the frequency is divided.
        for (int i = 0; i < plain.Length; i++)
        {
            double rotations = yarn.OriginalMaxPositions * plain[i] / (2 * Math.PI);
            double ratio = found[i] / plain[i];
            Assert.InRange(ratio, 0.25 - 1e-6, 1 + 1e-6);
            if (rotations > 45)
            {
                Assert.Equal(1, ratio, 1e-6);
            }
            else if (rotations < 0.6)
            {
                Assert.Equal(0.25, ratio, 1e-6);
            }

            Assert.True(i == 0 || ratio <= (found[i - 1] / plain[i - 1]) + 1e-6);
        }
    }

    [Fact]
    public void Only_short_checkpoints_that_were_cast_as_a_whole_have_rounded_frequencies()
    {
        Assert.True(RotaryFrequencies.AreCast(DType.BF16, 2048));
        Assert.False(RotaryFrequencies.AreCast(DType.F32, 2048));
        Assert.False(RotaryFrequencies.AreCast(DType.BF16, 262144));
        var rope = new RopeConfig { Theta = 1e7, RotaryDim = 8 };
        float[] plain = RotaryFrequencies.Of(rope, cast: false), cast = RotaryFrequencies.Of(rope, cast: true);
        for (int i = 0; i < plain.Length; i++)
        {
            Assert.Equal(DTypes.BF16ToF32(DTypes.F32ToBF16(plain[i])), cast[i]);
        }
    }
}
