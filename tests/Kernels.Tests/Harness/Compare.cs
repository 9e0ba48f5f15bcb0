namespace Lean.Kernels.Tests;

/// <summary>Compares what two calls have written; null where they agree, else a sentence that names the first difference.</summary>
public static class Compare
{
    /// <summary>Every bit equal; NaN equals NaN, but unwritten memory equals only unwritten memory.</summary>
    public static string? Bits(Outputs expected, Outputs actual) => First(expected, actual, (e, a, _) => SameBits(e, a));

    /// <summary>Within the tolerance, and to the bit where the output is exact.</summary>
    public static string? Close(Outputs expected, Outputs actual, Tolerance tolerance) => First(expected, actual, (e, a, output) =>
    {
        if (SameBits(e, a) || output.IsExact)
        {
            return SameBits(e, a);
        }

        double x = BitConverter.Int32BitsToSingle(e), y = BitConverter.Int32BitsToSingle(a);
        return Math.Abs(y - x) <= tolerance.Absolute + ((tolerance.Relative + output.Rounding) * Math.Abs(x));
    });

    /// <summary>Row <paramref name="row"/> of one call against row <paramref name="other"/> of another, to the bit.</summary>
    public static string? Rows(Outputs expected, int row, Outputs actual, int other)
    {
        for (int i = 0; i < expected.Items.Count; i++)
        {
            (Output e, Output a) = (expected.Items[i], actual.Items[i]);
            for (int c = 0; c < e.Width; c++)
            {
                if (!SameBits(e.Row(row)[c], a.Row(other)[c]))
                {
                    return $"{e.Name}, column {c}: expected {Show(e, e.Row(row)[c])}, found {Show(a, a.Row(other)[c])} in row {other} of {a.Bits.Length / a.Width}";
                }
            }
        }

        return null;
    }

    /// <summary>‖found − expected‖ / ‖expected‖, of as many numbers.</summary>
    public static double Distance(float[] expected, float[] found)
    {
        Assert.Equal(expected.Length, found.Length);
        double off = 0, size = 0;
        foreach ((float e, float f) in expected.Zip(found))
        {
            off += ((double)f - e) * ((double)f - e);
            size += (double)e * e;
        }

        return Math.Sqrt(off / size);
    }

    private static bool SameBits(int expected, int actual) => expected == actual
        || (expected != Arena.Poison && actual != Arena.Poison
            && float.IsNaN(BitConverter.Int32BitsToSingle(expected)) && float.IsNaN(BitConverter.Int32BitsToSingle(actual)));

    private static string? First(Outputs expected, Outputs actual, Func<int, int, Output, bool> agree)
    {
        if (!expected.Items.Select(i => (i.Name, i.Bits.Length)).SequenceEqual(actual.Items.Select(i => (i.Name, i.Bits.Length))))
        {
            return "the calls wrote different tensors";
        }

        for (int i = 0; i < expected.Items.Count; i++)
        {
            (Output e, Output a) = (expected.Items[i], actual.Items[i]);
            int[] wrong = [.. Enumerable.Range(0, e.Bits.Length).Where(n => !agree(e.Bits[n], a.Bits[n], e))];
            if (wrong.Length > 0)
            {
                int n = wrong[0];
                return $"{e.Name}[{n / e.Width}, {n % e.Width}]: expected {Show(e, e.Bits[n])}, found {Show(e, a.Bits[n])}; {wrong.Length} of {e.Bits.Length} values differ";
            }
        }

        return null;
    }

    private static string Show(Output output, int bits) => bits == Arena.Poison
        ? "unwritten memory"
        : output.IsFloat ? $"{BitConverter.Int32BitsToSingle(bits):g9} (0x{bits:x8})" : $"{bits}";
}
