namespace Lean.Kernels.Device;

/// <summary>Log-probabilities from the most likely token's, in twice f32's precision.</summary>
public static class LogProbability
{
    /// <summary>
    /// value + (x − best), where no sum loses a bit before the last; logits further apart than an f32 reaches stay finite.
    /// </summary>
    public static float Of(float x, float best, float value)
    {
        float difference = x - best, lost = Lost(x, -best, difference);
        float sum = value + difference, rest = Lost(value, difference, sum) + lost, result = sum + rest;
        return difference < -float.MaxValue || sum < -float.MaxValue || result < -float.MaxValue ? -float.MaxValue : result;
    }

    // What a rounded sum of two numbers lacks, exactly (Knuth).
    private static float Lost(float a, float b, float sum)
    {
        float part = sum - a;
        return a - (sum - part) + (b - part);
    }
}
