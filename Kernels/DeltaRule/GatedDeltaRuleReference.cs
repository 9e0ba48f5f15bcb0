using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The recurrent form as written, for both row classes. The state is f64 during a call and f32 between calls.
/// </summary>
/// <param name="rounds">Whether keys and queries are one bf16 from where they have their length, as on Hopper with bf16 activations.</param>
internal sealed unsafe class GatedDeltaRuleReference(bool rounds = false) : GatedDeltaRule
{
    private protected override bool KeepsVersions => true;

    private protected override void Launch(
        DeltaRuleShape shape, Tensor convolved, Tensor b, Tensor a, Tensor decay, Tensor timeBias, Tensor state, Tensor segments, Tensor output, long segmentRows)
    {
        for (long s = 0; s < segments.Shape[0]; s++)
        {
            var segment = ReferenceSegment.Of(segments, s);
            for (int head = 0; head < shape.ValueHeads; head++)
            {
                double[] sums = Load(Stored(segment.Source), shape, empty: segment.FirstPosition == 0);
                for (long t = segment.FirstRow; t < segment.FirstRow + segment.Rows; t++)
                {
                    double rate = Math.Exp(((float*)decay.Address)[head]);
                    double step = ReferenceMath.Softplus((double)((float*)a.Address)[(t * a.RowStride) + head] + ((float*)timeBias.Address)[head]);
                    double beta = ReferenceMath.Sigmoid(((float*)b.Address)[(t * b.RowStride) + head]);
                    float* y = (float*)output.Address + (t * shape.ValueWidth) + ((long)head * shape.ValueDim);
                    Step(shape, (float*)convolved.Address + (t * shape.Channels), head, Math.Exp(-rate * step), beta, sums, y);
                    if (segment.Pitch > 0)
                    {
                        Store(sums, Stored(segment.Slot + ((t - segment.FirstRow) * segment.Pitch)));
                    }
                }

                if (segment.Pitch == 0)
                {
                    Store(sums, Stored(segment.Slot));
                }

                float* Stored(long slot) => (float*)state.Address + (((slot * shape.ValueHeads) + head) * shape.KeyDim * shape.ValueDim);
            }
        }
    }

    private void Step(DeltaRuleShape shape, float* row, int head, double fade, double beta, double[] s, float* y)
    {
        int dk = shape.KeyDim, dv = shape.ValueDim, keyHead = head / (shape.ValueHeads / shape.KeyHeads);
        double[] q = Normalised(row + ((long)keyHead * dk), dk, 1 / Math.Sqrt(dk));
        double[] k = Normalised(row + ((long)(shape.KeyHeads + keyHead) * dk), dk, 1);
        float* v = row + (2L * shape.KeyHeads * dk) + ((long)head * dv);
        var recalled = new double[dv];
        var read = new double[dv];
        for (int i = 0; i < dk; i++)
        {
            Span<double> line = s.AsSpan(i * dv, dv);
            for (int j = 0; j < dv; j++)
            {
                line[j] *= fade;
                recalled[j] += line[j] * k[i];
            }
        }

        for (int i = 0; i < dk; i++)
        {
            Span<double> line = s.AsSpan(i * dv, dv);
            for (int j = 0; j < dv; j++)
            {
                line[j] += k[i] * ((v[j] - recalled[j]) * beta);
                read[j] += line[j] * q[i];
            }
        }

        for (int j = 0; j < dv; j++)
        {
            y[j] = (float)read[j];
        }
    }

    private double[] Normalised(float* x, int count, double scale)
    {
        var y = new double[count];
        double squares = 0;
        for (int i = 0; i < count; i++)
        {
            squares += (double)x[i] * x[i];
        }

        for (int i = 0; i < count; i++)
        {
            y[i] = x[i] / Math.Sqrt(squares + 1e-6) * scale;
        }

        if (rounds)
        {
            RoundedActivations.Round(y);
        }

        return y;
    }

    private static double[] Load(float* stored, DeltaRuleShape shape, bool empty)
    {
        var s = new double[shape.KeyDim * shape.ValueDim];
        for (int i = 0; i < s.Length && !empty; i++)
        {
            s[i] = stored[i];
        }

        return s;
    }

    private static void Store(double[] s, float* stored)
    {
        foreach (double value in s)
        {
            *stored++ = (float)value;
        }
    }
}
