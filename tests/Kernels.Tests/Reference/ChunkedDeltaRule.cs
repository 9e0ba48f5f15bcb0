using System.Numerics;

namespace Lean.Kernels.Tests;

/// <summary>
/// The delta rule of one value head in its chunked form, straight from the formulas and for any precision: with
/// G_i = g_1 + … + g_i inside a chunk and decay D_ij = exp(G_i − G_j) for j ≤ i,
/// A = (I + strictly lower(β K Kᵀ ⊙ D))⁻¹ by forward substitution, U = A · β(V − exp(G) K S),
/// O = exp(G) Q S + lower(Q Kᵀ ⊙ D) U, S ← exp(G_C) S + (exp(G_C − G) K)ᵀ U.
/// Source: Yang et al. 2024, "Gated Delta Networks", section 3.
/// </summary>
/// <typeparam name="T">The precision of everything.</typeparam>
public sealed class ChunkedDeltaRule<T> where T : IFloatingPointIeee754<T>
{
    private readonly T[,] _state;
    private readonly int _dk, _dv;

    /// <summary>Begins from a state [dk, dv], row-major.</summary>
    public ChunkedDeltaRule(int dk, int dv, ReadOnlySpan<float> state)
    {
        (_dk, _dv, _state) = (dk, dv, new T[dk, dv]);
        for (int i = 0; i < state.Length; i++)
        {
            _state[i / dv, i % dv] = T.CreateChecked(state[i]);
        }
    }

    /// <summary>The state behind the rows so far.</summary>
    public T[,] State => _state;

    /// <summary>β and the log decay g of a row.</summary>
    public static (T Beta, T Decay) Gates(float b, float a, float decay, float timeBias) => (
        T.One / (T.One + T.Exp(-T.CreateChecked(b))),
        -T.Exp(T.CreateChecked(decay)) * T.Log(T.One + T.Exp(T.CreateChecked(a) + T.CreateChecked(timeBias))));

    /// <summary>x · rsqrt(Σx² + 1e-6) · scale.</summary>
    public static T[] Normalised(ReadOnlySpan<float> x, T scale)
    {
        T squares = T.CreateChecked(1e-6);
        foreach (float value in x)
        {
            squares += T.CreateChecked(value) * T.CreateChecked(value);
        }

        var y = new T[x.Length];
        for (int i = 0; i < y.Length; i++)
        {
            y[i] = T.CreateChecked(x[i]) / T.Sqrt(squares) * scale;
        }

        return y;
    }

    /// <summary>Runs one chunk of rows and returns their outputs.</summary>
    public T[][] Chunk(T[][] q, T[][] k, T[][] v, T[] beta, T[] g)
    {
        int rows = q.Length;
        var sums = new T[rows];
        for (int i = 0; i < rows; i++)
        {
            sums[i] = g[i] + (i > 0 ? sums[i - 1] : T.Zero);
        }

        T[,] inverse = Inverse(k, beta, sums);
        var wanted = new T[rows][];
        for (int i = 0; i < rows; i++)
        {
            T[] recalled = Read(k[i], T.Exp(sums[i]));
            wanted[i] = [.. Enumerable.Range(0, _dv).Select(d => beta[i] * (v[i][d] - recalled[d]))];
        }

        T[][] u = [.. Enumerable.Range(0, rows).Select(i => Mix(i, j => inverse[i, j], wanted))];
        var outputs = new T[rows][];
        for (int i = 0; i < rows; i++)
        {
            T[] old = Read(q[i], T.Exp(sums[i]));
            T[] inside = Mix(i, j => Dot(q[i], k[j]) * T.Exp(sums[i] - sums[j]), u);
            outputs[i] = [.. old.Zip(inside, (x, y) => x + y)];
        }

        for (int a = 0; a < _dk; a++)
        {
            for (int d = 0; d < _dv; d++)
            {
                T sum = _state[a, d] * T.Exp(sums[^1]);
                for (int j = 0; j < rows; j++)
                {
                    sum += T.Exp(sums[^1] - sums[j]) * k[j][a] * u[j][d];
                }

                _state[a, d] = sum;
            }
        }

        return outputs;
    }

    private static T Dot(T[] x, T[] y) => x.Zip(y, (a, b) => a * b).Aggregate(T.Zero, (sum, p) => sum + p);

    private static T[,] Inverse(T[][] k, T[] beta, T[] sums)
    {
        var inverse = new T[k.Length, k.Length];
        for (int i = 0; i < k.Length; i++)
        {
            inverse[i, i] = T.One;
            for (int j = 0; j < i; j++)
            {
                T entry = beta[i] * Dot(k[i], k[j]) * T.Exp(sums[i] - sums[j]);
                for (int c = 0; c <= j; c++)
                {
                    inverse[i, c] -= entry * inverse[j, c];
                }
            }
        }

        return inverse;
    }

    private T[] Read(T[] x, T scale)
    {
        var y = new T[_dv];
        for (int d = 0; d < _dv; d++)
        {
            for (int a = 0; a < _dk; a++)
            {
                y[d] += _state[a, d] * x[a];
            }

            y[d] *= scale;
        }

        return y;
    }

    private T[] Mix(int last, Func<int, T> share, T[][] rows)
    {
        var y = new T[_dv];
        for (int j = 0; j <= last; j++)
        {
            T s = share(j);
            for (int d = 0; d < _dv; d++)
            {
                y[d] += s * rows[j][d];
            }
        }

        return y;
    }
}
