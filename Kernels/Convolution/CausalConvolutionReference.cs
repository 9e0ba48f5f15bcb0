using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Per channel: the W − 1 inputs before the segment and the segment's own in one line, then every tap.</summary>
internal sealed unsafe class CausalConvolutionReference : CausalConvolution
{
    private protected override void Launch(Tensor x, Tensor weight, Tensor history, Tensor segments, Tensor output)
    {
        long channels = weight.Shape[0], taps = weight.Shape[1], before = taps - 1;
        for (long s = 0; s < segments.Shape[0]; s++)
        {
            var segment = ReferenceSegment.Of(segments, s);
            for (long c = 0; c < channels; c++)
            {
                float* past = (float*)history.Address + (segment.Source * before * channels) + c;
                var line = new float[before + segment.Rows];
                for (long i = 0; i < before; i++)
                {
                    line[i] = segment.FirstPosition == 0 ? 0 : past[i * channels];
                }

                for (long t = 0; t < segment.Rows; t++)
                {
                    line[before + t] = ((float*)x.Address)[((segment.FirstRow + t) * x.RowStride) + c];
                }

                for (long t = 0; t < segment.Rows; t++)
                {
                    double sum = 0;
                    for (long i = 0; i < taps; i++)
                    {
                        sum += (double)((float*)weight.Address)[(c * taps) + i] * line[t + i];
                    }

                    ((float*)output.Address)[((segment.FirstRow + t) * channels) + c] = (float)ReferenceMath.Silu(sum);
                }

                for (long t = segment.Pitch > 0 ? 0 : segment.Rows - 1; t < segment.Rows; t++)
                {
                    float* kept = (float*)history.Address + ((segment.Slot + (t * segment.Pitch)) * before * channels) + c;
                    for (long i = 0; i < before; i++)
                    {
                        kept[i * channels] = line[t + 1 + i];
                    }
                }
            }
        }
    }
}
