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
        return Math.Abs(y - x) <= tolerance.Absolute + (tolerance.Relative * Math.Abs(x));
    });

    /// <summary>
    /// Within what bf16 inputs cost: ‖Δ‖/‖expected‖ at most 1e-2 for each tensor, and no value of order one further off
    /// than 3e-2, so that a single wrong value among many right ones shows. Inputs rounded to 2^-9 of themselves
    /// give about 1.7e-3 of both.
    /// </summary>
    public static string? Rounded(Outputs expected, Outputs actual)
    {
        for (int i = 0; i < int.Min(expected.Items.Count, actual.Items.Count); i++)
        {
            (Output e, Output a) = (expected.Items[i], actual.Items[i]);
            if (e.IsFloat && !e.IsExact && e.Bits.Length == a.Bits.Length)
            {
                double norm = Math.Sqrt(e.Values.Sum(v => (double)v * v));
                double error = Math.Sqrt(e.Values.Zip(a.Values, (x, y) => ((double)y - x) * ((double)y - x)).Sum());
                if (!(error <= 1e-2 * Math.Max(norm, 1)))
                {
                    return $"{e.Name}: ‖Δ‖ is {error:g3} where ‖expected‖ is {norm:g3}";
                }
            }
        }

        return Close(expected, actual, new Tolerance(3e-2, 0));
    }

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
