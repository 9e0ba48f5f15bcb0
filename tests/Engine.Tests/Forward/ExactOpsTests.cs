using Lean.Engine.Running;
using Lean.Engine.Scoring;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Forward;

/// <summary>
/// The CPU's ops against the reference ops (every sum in f64, what lies between ops in f32) on whole models: closer to
/// them than the fixtures' outputs, which were computed in f32, are to either.
/// </summary>
public sealed class ExactOpsTests
{
    [Theory]
    [InlineData("qwen3-next-moe", 1e-4f)]
    [InlineData("qwen3.5-moe", 1e-4f)]
    [InlineData("qwen3.5-dense", 4e-4f)]
    public void The_cpu_agrees_with_sums_in_double(string name, float tolerance)
    {
        string folder = TestData.Path($"fixtures/{name}");
        using SafetensorsFile reference = SafetensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        int[] ids = FixtureTests.Ids(reference);
        var options = new ScoreOptions { Logits = true, MtpDepth = 3 };
        using var fast = LoadedModel.Open(folder, CpuBackends.Open());
        using var exact = LoadedModel.Open(folder, ReferenceKernels.Create());
        using ScoreResult found = new Scorer(fast).Score(ids, options), expected = new Scorer(exact).Score(ids, options);
        for (int i = 0; i < expected.Tensors.Count; i++)
        {
            ReadOnlySpan<float> e = expected.Tensors[i].Value.AsSpan<float>(), f = found.Tensors[i].Value.AsSpan<float>();
            float worst = 0;
            for (int j = 0; j < e.Length; j++)
            {
                worst = float.Max(worst, float.Abs(e[j] - f[j]));
            }

            Assert.True(worst <= tolerance, $"{expected.Tensors[i].Key}: off by {worst}, expected at most {tolerance}");
        }
    }
}
